// One study: whose it is, its series, what models made of it.
import { Box, Button, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft, ExternalLink, Images, Share2, Trash2, Upload } from 'lucide-react';
import { lazy, Suspense, useMemo, useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { dicomweb, viewerAddress, viewerInstalled, type Series } from '../../api/dicomweb';
import { useArchiveEvents } from '../../api/archiveEvents';
import { api } from '../../api/endpoints';
import type { Study } from '../../api/types';
import { useSession } from '../../app/session';
import { ask } from '../../components/confirm';
import { makeLink } from '../../components/viewer/link';
import { EmptyState, ErrorState, ListSkeleton, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dicomDate, dicomTime, pathToUid, patientAddress, personName, studyAddress } from '../../lib/dicom';
import { count } from '../../lib/format';
import { AnalysisPanel } from './AnalysisPanel';
import { ImportStudies } from './ImportStudies';
import { SeriesCard } from './SeriesCard';
import { ShareStudy } from './ShareStudy';
import { isLooked } from './looked';
import { ageText } from './patient';
import './studies.css';

const viewer = import('./SeriesView');   // on its way while the study is asked for
const SeriesView = lazy(() => viewer.then((m) => ({ default: m.SeriesView })));
const PriorPanel = lazy(() => import('./PriorPanel').then((m) => ({ default: m.PriorPanel })));
const looked = (series: Series[]) => series.find(isLooked) ?? series[0];

export default function StudyPage() {
  const params = useParams<{ uid: string }>();
  const uid = pathToUid(params.uid ?? '');
  const { t } = useI18n();
  const study = useQuery({ queryKey: ['study', uid], queryFn: ({ signal }) => api.studies({ study_uid: uid }, signal), enabled: uid !== '' });
  const series = useQuery({ queryKey: ['series', uid], queryFn: ({ signal }) => dicomweb.series(uid, signal), enabled: uid !== '' });
  const error = study.error ?? series.error;
  const found = study.data?.studies[0];
  if (uid === '' || (study.data && !found)) {
    return <Box className="page"><EmptyState icon={Images} title={t('study.gone')} text={t('study.goneText')} action={<Button component={Link} href="/studies">{t('studies.title')}</Button>} /></Box>;
  }
  if (error) return <Box className="page"><ErrorState error={error} retry={() => { void study.refetch(); void series.refetch(); }} /></Box>;
  if (!found || !series.data) return <Box className="page"><ListSkeleton /></Box>;
  return <Loaded study={found} series={series.data} />;
}

function Loaded({ study, series }: { study: Study; series: Series[] }) {
  const { t, maybe, language } = useI18n();
  const { can } = useSession();
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const [files, setFiles] = useState<File[] | null>(null);
  const uid = study.study_uid;
  const [picked, setPicked] = useState('');
  const [prior, setPrior] = useState<Study | null>(null);
  const [linked, setLinked] = useState(true);
  const [sharing, setSharing] = useState(false);
  const link = useMemo(makeLink, []);
  const chosen = series.find((one) => one.uid === picked) ?? looked(series);
  const name = personName(study.patient.name, language) || t('studies.unnamed');
  const ohif = useQuery({ queryKey: ['ohif'], queryFn: viewerInstalled, staleTime: Infinity });
  const remove = useMutation({
    mutationFn: () => dicomweb.deleteStudy(uid),
    onSuccess: () => { notice(t('study.deleted')); void client.invalidateQueries({ queryKey: ['studies'] }); navigate('/studies'); },
    onError: (error) => noticeError(error, t),
  });
  useArchiveEvents((changed) => { if (changed === null || changed === uid) for (const key of ['analyses', 'series']) void client.invalidateQueries({ queryKey: [key, uid] }); });
  const refresh = () => { for (const key of ['study', 'series', 'analyses']) void client.invalidateQueries({ queryKey: [key, uid] }); };
  return (
    <Box className="page-wide">
      <Group justify="space-between" mb="xs">
        <Button component={Link} href="/studies" variant="subtle" color="gray" px="xs" leftSection={<ArrowLeft size={16} aria-hidden />}>{t('studies.title')}</Button>
        <Group gap="sm">
          {ohif.data && <Button component="a" href={viewerAddress(uid)} target="_blank" rel="noopener" variant="default" leftSection={<ExternalLink size={16} aria-hidden />}>{t('study.ohif')}</Button>}
          {can('archive:write') && <Button variant="default" leftSection={<Share2 size={16} aria-hidden />} onClick={() => setSharing(true)}>{t('share.share')}</Button>}
          {can('archive:write') && <Button variant="default" leftSection={<Upload size={16} aria-hidden />} onClick={() => setFiles([])}>{t('study.add')}</Button>}
          {can('archive:delete') && <Button variant="default" leftSection={<Trash2 size={16} aria-hidden />} loading={remove.isPending}
            onClick={() => ask({ title: t('study.deleteTitle'), text: t('study.deleteText', { name, images: count(study.instances, language) }), confirm: t('common.delete'), cancel: t('common.cancel'), danger: true, onConfirm: () => remove.mutate() })}>{t('common.delete')}</Button>}
        </Group>
      </Group>
      <Paper p="md" mb="md" component="section" aria-label={t('study.banner')} className="patient-banner">
        <div><Title order={1} className="break"><Link href={patientAddress(uid)} className="plain-link">{name}</Link></Title><Text size="sm" c="dimmed">{study.description || t('study.noDescription')}</Text></div>
        <dl className="facts">
          <Fact label={t('study.patientId')} value={study.patient.id + (study.patient.issuer ? ` (${study.patient.issuer})` : '')} />
          <Fact label={t('study.birth')} value={[study.patient.birth_date ? dicomDate(study.patient.birth_date, language) : '', ageText(study, t)].filter(Boolean).join(', ')} />
          <Fact label={t('study.sex')} value={study.patient.sex ? maybe('studies.sexes', study.patient.sex) : ''} />
          <Fact label={t('studies.date')} value={`${dicomDate(study.date, language)} ${dicomTime(study.time)}`} />
          <Fact label={t('studies.accession')} value={study.accession} />
          <Fact label={t('study.referring')} value={personName(study.referring_physician ?? '', language)} />
        </dl>
      </Paper>
      <div className="study-grid">
        <Paper p="sm" component="section" aria-labelledby="series-title" className="study-series">
          <Title order={2} id="series-title" mb="xs">{t('study.series', { count: count(series.length, language) })}</Title>
          <ul className="series-list">{series.map((one) => <li key={one.uid}><SeriesCard study={uid} series={one} active={one === chosen} open={() => setPicked(one.uid)} /></li>)}</ul>
        </Paper>
        <div className={prior ? 'study-stage beside' : 'study-stage'}>
          {chosen && <Suspense fallback={<ListSkeleton />}><SeriesView key={chosen.uid} study={study} series={chosen} all={series} link={linked ? link : undefined} /></Suspense>}
          {prior && chosen && <Suspense fallback={<ListSkeleton />}><PriorPanel key={prior.study_uid} prior={prior} modality={chosen.modality} link={linked ? link : undefined} linked={linked} setLinked={setLinked} close={() => setPrior(null)} /></Suspense>}
        </div>
        <Stack gap="md" className="study-side"><AnalysisPanel study={uid} series={series} /><OtherStudies study={study} compare={setPrior} /></Stack>
      </div>
      <ShareStudy study={uid} opened={sharing} close={() => setSharing(false)} />
      <ImportStudies files={files} close={() => setFiles(null)} done={refresh} />
    </Box>
  );
}

function Fact({ label, value }: { label: string; value: string }) {
  return <div><dt>{label}</dt><dd className="break">{value.trim() || '–'}</dd></div>;
}

function OtherStudies({ study, compare }: { study: Study; compare: (prior: Study) => void }) {
  const { t, language } = useI18n();
  const query = useQuery({ queryKey: ['studies-of-patient', study.study_uid], queryFn: ({ signal }) => api.studies({ same_patient_as: study.study_uid, limit: 50 }, signal) });
  const others = (query.data?.studies ?? []).filter((one) => one.study_uid !== study.study_uid);
  return (
    <Paper p="md" component="section" aria-labelledby="others-title">
      <Title order={2} id="others-title" mb="sm">{t('study.others')}</Title>
      {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data && others.length === 0 && <Text size="sm" c="dimmed">{t('study.noOthers')}</Text>}
      <Stack gap={6}>{others.map((one) => <Group key={one.study_uid} justify="space-between" wrap="nowrap" gap="xs"><Link href={studyAddress(one.study_uid)} className="plain-link"><Text size="sm"><Text span className="num">{dicomDate(one.date, language)}</Text> · {one.modalities.join(', ')} · {one.description || '–'}</Text></Link><Button size="compact-xs" variant="default" onClick={() => compare(one)}>{t('study.compare')}</Button></Group>)}</Stack>
    </Paper>
  );
}
