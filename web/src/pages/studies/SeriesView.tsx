// One series in the viewer: its metadata become a stack of frames, its frames come from the archive at full depth.
import { Paper } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { FileText } from 'lucide-react';
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from 'react';
import { dicomweb, type Series } from '../../api/dicomweb';
import { api } from '../../api/endpoints';
import type { Analysis, Mark, Study } from '../../api/types';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/feedback';
import { makeLoad, type Load, type Picture } from '../../components/viewer/frameStore';
import type { Link } from '../../components/viewer/link';
import { StackViewer, type AiOverlay, type PatientWords } from '../../components/viewer/StackViewer';
import { useI18n } from '../../i18n';
import { dicomDate, dicomTime, personName } from '../../lib/dicom';
import type { DrawnMark } from '../../components/viewer/DrawnMarks';
import { useSession } from '../../app/session';
import type { Shape } from '../../lib/marks';
import { makeStack, type Frame } from '../../lib/stack';
import { useAnalyses } from './AnalysisPanel';
import { MarksPanel, type Draft } from './MarksPanel';
import { ageText } from './patient';
import { useAiOverlay } from './useAiOverlay';

const MprViewer = lazy(() => import('../../components/viewer/MprViewer').then((m) => ({ default: m.MprViewer })));
const noAnalyses: Analysis[] = [];
const noMarks: Mark[] = [];

export function SeriesView({ study, series, all, link }: { study: Study; series: Series; all: Series[]; link?: Link }) {
  const analyses = useAnalyses(study.study_uid);
  const overlay = useAiOverlay(study.study_uid, series, all, analyses.data?.analyses ?? noAnalyses);
  return <SeriesStack study={study} series={series} overlay={overlay} link={link} marking />;
}

// What is drawn on the series: marks that are kept, and the one that is being made.
function useMarks(study: string, series: string, enabled: boolean) {
  const { can } = useSession();
  const query = useQuery({ queryKey: ['marks', study], queryFn: ({ signal }) => api.marks(study, signal), enabled });
  const [draft, setDraft] = useState<Draft | null>(null);
  const [goTo, setGoTo] = useState<{ sop: string; frame: number } | null>(null);
  const seen = useRef<Frame | null>(null);
  const last = useRef('');
  if (draft?.finding) last.current = draft.finding;   // the next one is often the same
  const mine = useMemo(() => (query.data?.items ?? noMarks).filter((mark) => mark.series === series), [query.data, series]);
  const drawn = useMemo<DrawnMark[]>(() => [...mine.filter((mark) => mark.id !== draft?.id).map((mark) => ({ id: mark.id, sop: mark.instance, frame: mark.frame, finding: mark.finding, box: mark.box, runs: mark.runs, draft: false })), ...(draft ? [{ id: 'draft', sop: draft.sop, frame: draft.frame, finding: draft.finding, box: draft.box, runs: draft.runs, draft: true }] : [])], [mine, draft]);
  const shape = useCallback((frame: Frame, made: Shape) => setDraft((before) => (before && before.sop === frame.sop && before.frame === frame.frame ? { ...before, ...made } : { id: null, sop: frame.sop, frame: frame.frame, finding: before && !before.id ? before.finding : last.current, comment: '', ...made })), []);
  const look = useCallback((frame: Frame) => { seen.current = frame; }, []);
  const whole = () => { const frame = seen.current; if (frame) setDraft({ id: null, sop: frame.sop, frame: frame.frame, finding: '', comment: '', box: null, runs: null }); };
  const show = (mark: Mark) => setGoTo({ sop: mark.instance, frame: mark.frame });
  return { query, mine, drawn, draft, setDraft, goTo, whole, show, drawing: { marks: drawn, shape: can('feedback:write') ? shape : undefined, goTo, look } };
}

export function SeriesStack({ study, series, overlay, link, marking = false }: { study: Study; series: Series; overlay?: AiOverlay; link?: Link; marking?: boolean }) {
  const { t, maybe, language } = useI18n();
  const uid = study.study_uid;
  const query = useQuery({ queryKey: ['metadata', uid, series.uid], queryFn: ({ signal }) => dicomweb.metadata(uid, series.uid, signal), staleTime: Infinity });
  const marks = useMarks(uid, series.uid, marking);
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
  const panel = marking ? <MarksPanel study={uid} frames={frames} marks={marks.mine} withheld={marks.query.data?.withheld ?? 0} draft={marks.draft} setDraft={marks.setDraft} show={marks.show} whole={marks.whole} error={marks.query.error} retry={() => void marks.query.refetch()} /> : undefined;
  return <StackViewer frames={frames} load={load} modality={series.modality} words={words} overlay={overlay} link={link} start={start} drawing={marking ? marks.drawing : undefined} note={panel} openPlanes={(index, here) => { loaded.current = here; setStart(index); setPlanes(true); }} />;
}
