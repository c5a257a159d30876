// One series in the viewer: its metadata become a stack of frames, its frames come from the archive at full depth.
import { Paper } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { FileText } from 'lucide-react';
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from 'react';
import { dicomweb, type Series } from '../../api/dicomweb';
import type { Analysis, Study } from '../../api/types';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/feedback';
import { makeLoad, type Load, type Picture } from '../../components/viewer/frameStore';
import type { Link } from '../../components/viewer/link';
import { StackViewer, type AiOverlay, type PatientWords } from '../../components/viewer/StackViewer';
import { useI18n } from '../../i18n';
import { dicomDate, dicomTime, personName } from '../../lib/dicom';
import { makeStack, type Frame } from '../../lib/stack';
import { useAnalyses } from './AnalysisPanel';
import { ageText } from './patient';
import { useAiOverlay } from './useAiOverlay';

const MprViewer = lazy(() => import('../../components/viewer/MprViewer').then((m) => ({ default: m.MprViewer })));
const noAnalyses: Analysis[] = [];

export function SeriesView({ study, series, all, link }: { study: Study; series: Series; all: Series[]; link?: Link }) {
  const analyses = useAnalyses(study.study_uid);
  const overlay = useAiOverlay(study.study_uid, series, all, analyses.data?.analyses ?? noAnalyses);
  return <SeriesStack study={study} series={series} overlay={overlay} link={link} />;
}

export function SeriesStack({ study, series, overlay, link }: { study: Study; series: Series; overlay?: AiOverlay; link?: Link }) {
  const { t, maybe, language } = useI18n();
  const uid = study.study_uid;
  const query = useQuery({ queryKey: ['metadata', uid, series.uid], queryFn: ({ signal }) => dicomweb.metadata(uid, series.uid, signal), staleTime: Infinity });
  const [planes, setPlanes] = useState(false);
  const [start, setStart] = useState<number | undefined>(undefined);
  const frames = useMemo(() => (query.data ? makeStack(query.data) : []), [query.data]);
  const load = useMemo(() => makeLoad(
    (frame, signal) => dicomweb.frame(uid, series.uid, frame.sop, frame.frame, signal),
    (frame, signal) => dicomweb.rendered(uid, series.uid, frame.sop, frame.frame, signal),
  ), [uid, series.uid]);
  // The planes begin with the slices that are here already; each is let go once it is copied.
  const loaded = useRef(new Map<Frame, Picture>());
  const loadPlanes = useMemo<Load>(() => async (frame, signal) => {
    const picture = loaded.current.get(frame);
    if (!picture) return load(frame, signal);
    loaded.current.delete(frame);
    return picture;
  }, [load]);
  const here = useCallback((frame: Frame) => loaded.current.has(frame), []);
  const words = useMemo<PatientWords>(() => ({
    name: personName(study.patient.name, language) || t('studies.unnamed'),
    lines: [study.patient.id, [study.patient.birth_date ? dicomDate(study.patient.birth_date, language) : '', study.patient.sex ? maybe('studies.sexes', study.patient.sex) : '', ageText(study, t)].filter(Boolean).join(' · ')].filter(Boolean),
    study: [`${dicomDate(study.date, language)} ${dicomTime(study.time)}`.trim(), study.description, [series.modality, series.description].filter(Boolean).join(' · '), study.accession].filter(Boolean),
  }), [study, series, language, t, maybe]);
  if (query.isPending) return <ListSkeleton rows={8} />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  if (frames.length === 0) return <Paper withBorder={false} bg="transparent"><EmptyState icon={FileText} title={t('stack.none')} text={t('stack.noneText')} /></Paper>;
  if (planes) return <Suspense fallback={<ListSkeleton rows={8} />}><MprViewer frames={frames} load={loadPlanes} modality={series.modality} words={words} overlay={overlay} start={start} here={here} close={(index) => { loaded.current.clear(); setStart(index); setPlanes(false); }} /></Suspense>;
  return <StackViewer frames={frames} load={load} modality={series.modality} words={words} overlay={overlay} link={link} start={start} openPlanes={(index, here) => { loaded.current = here; setStart(index); setPlanes(true); }} />;
}
