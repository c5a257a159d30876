// The cases of one person in order: which one is shown, its values, its answer, the next one fetched ahead.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { labelling, type GivenAnswer, type LabelAnswer, type LabelPart, type LabellingProject, type LabelWork } from '../../api/labelling';
import { notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import type { Pixels } from '../../lib/npy';
import { PixelCache } from './pixelCache';
import { useWatchTime } from './useWatchTime';

export function useCases(project: LabellingProject, work: LabelWork, part: LabelPart) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [place, setPlace] = useState(work.next ?? 0);
  const [slice, setSlice] = useState(0);
  const [shown, setShown] = useState<{ place: number; pixels: Pixels } | null>(null);
  const [failed, setFailed] = useState(false);
  const [saving, setSaving] = useState(false);
  const cache = useMemo(() => new PixelCache(project.id, part), [project.id, part]);
  const one = useQuery({ queryKey: ['labelling', project.id, part, place], queryFn: () => labelling.caseOf(project.id, part, place), staleTime: Infinity });
  const answer: LabelAnswer | null = one.data?.answer ?? null;
  const { total } = work;
  const slices = one.data?.slices ?? 1;
  const pixels = shown && shown.place === place ? shown.pixels : null;
  const time = useWatchTime(`${part}/${place}`, pixels !== null);
  const here = useRef(place);
  here.current = place;
  const busy = useRef(false);

  useEffect(() => { setSlice(0); }, [place]);
  useEffect(() => { if (slices > 1) setSlice(Math.floor(slices / 2)); }, [place, slices]);
  useEffect(() => {
    let stale = false;
    setFailed(false);
    cache.get(place, slice).then((data) => { if (!stale) setShown({ place, pixels: data }); }, () => { if (!stale) { setShown(null); setFailed(true); } });
    return () => { stale = true; };
  }, [cache, place, slice]);
  useEffect(() => {
    if (place + 1 >= total || !pixels) return;
    void client.prefetchQuery({ queryKey: ['labelling', project.id, part, place + 1], queryFn: () => labelling.caseOf(project.id, part, place + 1), staleTime: Infinity });
    if (slices === 1) cache.get(place + 1, 0).catch(() => undefined);
  }, [cache, client, part, place, pixels, project.id, slices, total]);

  const go = useCallback((to: number) => { if (to >= 0 && to < total) setPlace(to); }, [total]);
  // True when the node has kept it. Of a case whose picture is not there nothing is said.
  const give = useCallback(async (given: GivenAnswer): Promise<boolean> => {
    if (!work.open || busy.current || !one.data || pixels === null || failed) return false;
    busy.current = true;
    setSaving(true);
    const at = place;
    try {
      const kept = await labelling.answer(project.id, part, at, { ...given, duration_ms: time() });
      client.setQueryData(['labelling', project.id, part, at], { ...one.data, answer: kept });
      client.setQueryData<LabelWork>(['labelling', project.id, part], (old) => {
        if (!old) return old;
        const answers = [...old.answers];
        answers[at] = kept.cannot_tell ? '' : kept.class ?? '·';
        const next = answers.findIndex((value) => value === null);
        return { ...old, answers, done: answers.filter((value) => value !== null).length, next: next < 0 ? null : next };
      });
      return true;
    } catch (error) {
      noticeError(error, t);
      return false;
    } finally {
      busy.current = false;
      setSaving(false);
    }
  }, [client, failed, one.data, part, pixels, place, project.id, t, time, work.open]);
  const onward = useCallback((answered: boolean) => {
    if (!answered && work.open) { notice(t('labelling.answerFirst')); return; }
    if (place + 1 < total) go(place + 1);
    else if (work.next !== null && work.next !== place) go(work.next);
  }, [go, place, t, total, work.next, work.open]);
  return { place, go, onward, give, saving, here, one, answer, pixels, failed, slice, setSlice, slices, last: place + 1 >= total && (work.next === null || work.next === place) };
}
