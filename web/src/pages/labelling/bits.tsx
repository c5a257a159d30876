// What both kinds of work share: where one is, handing in.
import { Alert, Button, Paper, Group, Progress, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useLocation } from 'wouter';
import { labelling, type CannotTell, type LabellingProject, type LabelWork } from '../../api/labelling';
import { ask } from '../../components/confirm';
import { notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { percent } from '../../lib/format';

export const reasons: CannotTell[] = ['quality', 'not_shown', 'other'];

// A key that is held down gives no second answer; true when there is nothing more to do about the event.
export function isHeld(event: KeyboardEvent, key: string): boolean {
  if (!event.repeat || event.ctrlKey || event.metaKey || !(/^[0-9]$/.test(key) || ['a', 'b', 'c', 'n', ' ', 'enter', 'arrowright'].includes(key))) return false;
  event.preventDefault();
  return true;
}

export function Head({ project, work, place }: { project: LabellingProject; work: LabelWork; place: number }) {
  const { t } = useI18n();
  const { total, done } = work;
  return (
    <>
      <Paper p="md" style={{ flex: 'none' }}>
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Link href={`/labelling/${project.id}`} className="plain-link"><Text span fw={600} className="break">{project.name}</Text></Link>
          <Text size="sm" className="num nowrap" data-testid="place">{t('labelling.place', { n: place + 1, total })}</Text>
        </Group>
        <Progress value={(done / total) * 100} mt={8} aria-label={t('labelling.progress', { done, total })} />
        <Text size="sm" c="dimmed" mt={6} className="num" role="status">{t('labelling.progress', { done, total })} · {percent(done / total, 0)}</Text>
        {total <= 300 && <div className="label-dots" aria-hidden="true" style={{ marginTop: 10 }}>{work.answers.map((value, index) => <span key={index} className="label-dot" data-done={value === null ? 'false' : value === '' ? 'unsure' : 'true'} data-here={index === place} />)}</div>}
      </Paper>
      {project.instructions && <Text size="sm" className="break" style={{ whiteSpace: 'pre-wrap' }}>{project.instructions}</Text>}
    </>
  );
}

export function HandIn({ project }: { project: LabellingProject }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const handIn = () => ask({
    title: t('labelling.handIn'), text: t('labelling.handInText'), confirm: t('labelling.handIn'), cancel: t('common.cancel'),
    onConfirm: () => { labelling.submit(project.id).then(() => { void client.invalidateQueries({ queryKey: ['labelling'] }); notice(t('labelling.handedIn')); navigate(`/labelling/${project.id}`); }, (error: unknown) => noticeError(error, t)); },
  });
  return <Alert color="aceso" title={t('labelling.allRead')} style={{ flex: 'none' }}><Text size="sm" mb="sm">{t('labelling.allReadText')}</Text><Button onClick={handIn}>{t('labelling.handIn')}</Button></Alert>;
}
