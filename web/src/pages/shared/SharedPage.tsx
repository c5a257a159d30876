// What a link shows to somebody without an account: one study, to look at.
import { Box, Group, Paper, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Images } from 'lucide-react';
import { useEffect, useState } from 'react';
import { ApiError } from '../../api/client';
import { dicomweb, readShared } from '../../api/dicomweb';
import { api } from '../../api/endpoints';
import { LanguageSwitch, ResearchBadge, ThemeSwitch } from '../../components/bits';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/feedback';
import { Logo } from '../../components/Logo';
import { useI18n } from '../../i18n';
import { dicomDate, personName } from '../../lib/dicom';
import { count, dateTime } from '../../lib/format';
import { isLooked } from '../studies/looked';
import { SeriesCard } from '../studies/SeriesCard';
import { SeriesStack } from '../studies/SeriesView';
import '../studies/studies.css';

export default function SharedPage() {
  const { t, language } = useI18n();
  const [token] = useState(() => { readShared(); return window.location.hash.slice(1); });
  // The link would stay in the history of a browser that others use: from here on a cookie stands for it.
  useEffect(() => { if (window.location.hash) window.history.replaceState(null, '', '/shared'); }, []);
  const shared = useQuery({ queryKey: ['shared', token], queryFn: () => api.openShare(token), staleTime: Infinity, retry: false });
  const study = shared.data?.study;
  const uid = study?.study_uid ?? '';
  const series = useQuery({ queryKey: ['series', uid], queryFn: ({ signal }) => dicomweb.series(uid, signal), enabled: uid !== '' });
  const [picked, setPicked] = useState('');
  const error = shared.error ?? series.error;
  const gone = error instanceof ApiError && (error.status === 404 || error.status === 400);
  const all = series.data ?? [];
  const chosen = all.find((one) => one.uid === picked) ?? all.find(isLooked) ?? all[0];
  return (
    <Box component="main" className="page-wide">
      <Group justify="space-between" mb="md">
        <span className="brand"><Logo />Aceso</span>
        <Group gap="sm"><ResearchBadge /><LanguageSwitch /><ThemeSwitch /></Group>
      </Group>
      {gone && <EmptyState icon={Images} title={t('share.gone')} text={t('share.goneText')} />}
      {error && !gone && <ErrorState error={error} retry={() => { void shared.refetch(); void series.refetch(); }} />}
      {!error && !(study && series.data) && <ListSkeleton rows={6} />}
      {!error && study && shared.data && series.data && (
        <>
          <Paper p="md" mb="md" component="section" aria-label={t('study.banner')} className="patient-banner">
            <div><Title order={1} className="break">{personName(study.patient.name, language) || t('studies.unnamed')}</Title><Text size="sm" c="dimmed">{[dicomDate(study.date, language), study.description || t('study.noDescription')].join(' · ')}</Text></div>
            <Text size="sm" c="dimmed">{t('share.banner', { name: shared.data.by, time: dateTime(new Date(shared.data.expires_us / 1000).toISOString(), language) })} {t('share.notice')}</Text>
          </Paper>
          <div className="study-grid shared-grid">
            <Paper p="sm" component="section" aria-labelledby="series-title" className="study-series">
              <Title order={2} id="series-title" mb="xs">{t('study.series', { count: count(all.length, language) })}</Title>
              <ul className="series-list">{all.map((one) => <li key={one.uid}><SeriesCard study={uid} series={one} active={one === chosen} open={() => setPicked(one.uid)} /></li>)}</ul>
            </Paper>
            <div className="study-stage">{chosen && <SeriesStack key={chosen.uid} study={study} series={chosen} />}</div>
          </div>
        </>
      )}
    </Box>
  );
}
