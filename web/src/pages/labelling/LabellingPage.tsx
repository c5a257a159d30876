// Labelling projects: where the reader has something to read, and how far everybody is.
import { Badge, Box, Button, Group, Paper, Progress, Stack, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Tags } from 'lucide-react';
import { Link } from 'wouter';
import { labelling, type LabellingProject } from '../../api/labelling';
import { useSession } from '../../app/session';
import { EmptyState, ErrorState, ListSkeleton, PageHead } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { count, dateTime } from '../../lib/format';
import { NewProject } from './NewProject';
import { StateOfProject, WorkButton } from './parts';

export default function LabellingPage() {
  const { t } = useI18n();
  const { can } = useSession();
  const [opened, dialog] = useDisclosure();
  const query = useQuery({ queryKey: ['labelling'], queryFn: labelling.projects });
  const button = can('datasets:write') ? <Button onClick={dialog.open}>{t('labelling.new')}</Button> : undefined;
  return (
    <Box className="page">
      <PageHead title={t('labelling.title')} text={t('labelling.text')}>{button}</PageHead>
      {query.isPending && <ListSkeleton />}
      {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data?.items.length === 0 && <EmptyState icon={Tags} title={t('labelling.empty')} text={t(can('datasets:write') ? 'labelling.emptyText' : 'labelling.emptyReader')} action={button} />}
      <Stack gap="md">{(query.data?.items ?? []).map((project) => <ProjectCard key={project.id} project={project} />)}</Stack>
      <NewProject opened={opened} close={dialog.close} />
    </Box>
  );
}

function ProjectCard({ project }: { project: LabellingProject }) {
  const { t, language } = useI18n();
  const { session } = useSession();
  const mine = project.part === 'reader' ? project.readers.find((reader) => reader.name === session?.user.name) : undefined;
  return (
    <Paper p="md" component="section" aria-label={project.name}>
      <Group justify="space-between" align="flex-start" gap="md">
        <Box flex="1 1 320px" miw={0}>
          <Group gap="sm"><Title order={2}><Link href={`/labelling/${project.id}`} className="plain-link">{project.name}</Link></Title><StateOfProject project={project} />{project.part && <Badge color="violet">{t(`labelling.parts.${project.part}`)}</Badge>}</Group>
          <Text size="sm" c="dimmed" mt={4}>{project.dataset} · {t(`labelling.tasks.${project.task}`)} · {t('labelling.cases', { count: count(project.cases, language) })} · {project.classes.join(', ')} · {dateTime(project.created, language)}</Text>
          <Group gap="lg" mt="sm">
            {project.readers.map((reader) => (
              <Box key={reader.name} w={180}>
                <Group justify="space-between" gap={6} wrap="nowrap"><Text size="sm" truncate fw={reader === mine ? 600 : undefined}>{reader.name}</Text><Text size="xs" c="dimmed" className="num nowrap">{reader.submitted ? t('labelling.handedInShort') : `${reader.done} / ${project.cases}`}</Text></Group>
                <Progress value={(reader.done / project.cases) * 100} size="sm" mt={4} aria-label={`${reader.name}: ${t('labelling.progress', { done: reader.done, total: project.cases })}`} />
              </Box>
            ))}
          </Group>
        </Box>
        <WorkButton project={project} />
      </Group>
    </Paper>
  );
}
