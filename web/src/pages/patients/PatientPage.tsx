// One patient: the studies that the archive keeps of them, newest first. The address names one of those studies, never the patient.
import { Badge, Box, Button, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { ArrowLeft, UserRound } from 'lucide-react';
import { Link, useParams } from 'wouter';
import { ApiError } from '../../api/client';
import { api } from '../../api/endpoints';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dicomDate, dicomTime, pathToUid, personName, studyAddress } from '../../lib/dicom';
import { count } from '../../lib/format';
import { Thumbnail } from '../studies/Thumbnail';
import '../studies/studies.css';

export default function PatientPage() {
  const params = useParams<{ uid: string }>();
  const uid = pathToUid(params.uid ?? '');
  const { t, maybe, language } = useI18n();
  const query = useInfiniteQuery({
    queryKey: ['studies-of-patient-page', uid], enabled: uid !== '', initialPageParam: 0,
    queryFn: ({ pageParam, signal }) => api.studies({ same_patient_as: uid, offset: pageParam, limit: 50 }, signal),
    getNextPageParam: (page) => (page.offset + page.studies.length < page.total ? page.offset + page.studies.length : undefined),
  });
  const studies = query.data?.pages.flatMap((page) => page.studies) ?? [];
  const first = studies[0];
  const gone = uid === '' || (query.error instanceof ApiError && query.error.status === 404) || (query.data && !first);
  if (gone) return <Box className="page"><EmptyState icon={UserRound} title={t('patients.gone')} text={t('study.goneText')} action={<Button component={Link} href="/patients">{t('patients.title')}</Button>} /></Box>;
  if (query.error) return <Box className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></Box>;
  if (!first) return <Box className="page"><ListSkeleton /></Box>;
  const { patient } = first;
  return (
    <Box className="page">
      <Button component={Link} href="/patients" variant="subtle" color="gray" px="xs" mb="xs" leftSection={<ArrowLeft size={16} aria-hidden />}>{t('patients.title')}</Button>
      <Paper p="md" mb="lg" component="section" aria-label={t('study.banner')} className="patient-banner">
        <div><Title order={1} className="break">{personName(patient.name, language) || t('studies.unnamed')}</Title></div>
        <dl className="facts">
          <div><dt>{t('study.patientId')}</dt><dd className="break">{patient.id ? patient.id + (patient.issuer ? ` (${patient.issuer})` : '') : t('studies.noId')}</dd></div>
          <div><dt>{t('study.birth')}</dt><dd>{patient.birth_date ? dicomDate(patient.birth_date, language) : '–'}</dd></div>
          <div><dt>{t('study.sex')}</dt><dd>{patient.sex ? maybe('studies.sexes', patient.sex) : '–'}</dd></div>
        </dl>
      </Paper>
      <Title order={2} mb="sm">{t('patients.studiesOf', { count: count(query.data?.pages[0]?.total ?? 0, language) })}</Title>
      <Stack gap="sm" component="ul" className="study-cards">
        {studies.map((study) => (
          <Paper key={study.study_uid} component="li">
            <Link href={studyAddress(study.study_uid)} className="card-link study-card">
              <Thumbnail study={study.study_uid} />
              <div>
                <Text fw={550} className="break">{study.description || t('study.noDescription')}</Text>
                <Text size="sm" c="dimmed" className="num">{dicomDate(study.date, language)} {dicomTime(study.time)}{study.accession ? ` · ${study.accession}` : ''}</Text>
              </div>
              <Group gap={4} wrap="nowrap">{study.modalities.map((code) => <Badge key={code} color="gray" title={maybe('modalities', code)}>{code}</Badge>)}</Group>
              <Text size="sm" c="dimmed" className="num nowrap">{t('studies.seriesAndImages', { series: study.series, images: count(study.instances, language) })}</Text>
            </Link>
          </Paper>
        ))}
      </Stack>
      {query.hasNextPage && <Group justify="center" mt="md"><Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t('common.loadMore')}</Button></Group>}
    </Box>
  );
}
