// What models drew on a series, fetched from the objects they left in the study: segmentations, presentation states, pictures of maps.
import { useQueries, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { dicomweb, type Series } from '../../api/dicomweb';
import type { Analysis } from '../../api/types';
import type { Mask } from '../../components/viewer/painter';
import type { AiOverlay } from '../../components/viewer/StackViewer';
import { annotationsOf, segmentBits, segmentFrames, type Annotation } from '../../lib/overlay';

const mostSeries = 12;
const mostFrames = 2000;
const together = 4;

async function masksOf(study: string, series: string, drawn: Series[], signal: AbortSignal): Promise<Map<string, Mask[]>> {
  const wanted = (await Promise.all(drawn.map(async (one) => (await dicomweb.metadata(study, one.uid, signal)).flatMap((object) => segmentFrames(object, series).map((frame) => ({ ...frame, series: one.uid })))))).flat().slice(0, mostFrames);
  const out = new Map<string, Mask[]>();
  let next = 0;
  const work = async () => {
    while (next < wanted.length) {
      const frame = wanted[next++]!;
      const bits = segmentBits(await dicomweb.frame(study, frame.series, frame.sop, frame.frame, signal), frame);
      if (!bits) continue;
      const key = `${frame.of}/1`;
      out.set(key, [...(out.get(key) ?? []), { label: frame.label, color: frame.color, rows: frame.rows, columns: frame.columns, bits }]);
    }
  };
  await Promise.all(Array.from({ length: together }, work));
  return out;
}

async function mapOf(study: string, analysis: Analysis, signal: AbortSignal): Promise<ImageBitmap> {
  const map = analysis.map!;
  const [left, top, width, height] = map.box;
  return createImageBitmap(await dicomweb.rendered(study, map.series, map.instance, 1, signal), left, top, width, height);
}

// Pixels stay in memory while the study is open: staleTime keeps them, gcTime lets them go with the page.
const kept = { staleTime: Infinity, gcTime: 0, retry: false } as const;

export function useAiOverlay(study: string, series: Series, all: Series[], analyses: Analysis[]): AiOverlay {
  const segments = all.filter((one) => one.modality === 'SEG').slice(0, mostSeries);
  const states = all.filter((one) => one.modality === 'PR').slice(0, mostSeries);
  const mapped = analyses.filter((one) => one.series === series.uid && one.map && one.instance);
  const masks = useQuery({ queryKey: ['ai-masks', study, series.uid, segments.map((one) => `${one.uid}/${one.instances}`)], enabled: segments.length > 0, queryFn: ({ signal }) => masksOf(study, series.uid, segments, signal), ...kept });
  const annotations = useQuery({
    queryKey: ['ai-annotations', study, states.map((one) => `${one.uid}/${one.instances}`)], enabled: states.length > 0, ...kept,
    queryFn: async ({ signal }) => {
      const out = new Map<string, Annotation>();
      for (const object of (await Promise.all(states.map((one) => dicomweb.metadata(study, one.uid, signal)))).flat()) {
        for (const [sop, found] of annotationsOf(object)) { const known = out.get(sop); out.set(sop, known ? { graphics: [...known.graphics, ...found.graphics], words: [...known.words, ...found.words] } : found); }
      }
      return out;
    },
  });
  const maps = useQueries({ queries: mapped.map((one) => ({ queryKey: ['ai-map', study, one.map?.instance], queryFn: ({ signal }: { signal: AbortSignal }) => mapOf(study, one, signal), ...kept })) });
  const bitmaps = maps.map((one) => one.data);
  return useMemo(() => ({
    masks: masks.data ?? new Map<string, Mask[]>(), annotations: annotations.data ?? new Map<string, Annotation>(),
    maps: new Map(mapped.flatMap((one, n) => { const bitmap = bitmaps[n]; return bitmap && one.instance ? [[one.instance, { bitmap, words: `${one.map!.method} · ${one.map!.label}` }] as const] : []; })),
  }), [masks.data, annotations.data, ...bitmaps]);
}
