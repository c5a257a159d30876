// One reading: an image sent to a model, blinded or not. A newer one cancels the one before it.
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { api } from '../../api/endpoints';
import type { Prediction } from '../../api/types';

export interface Target { name: string; version: number }
export type Phase = 'idle' | 'sending' | 'analysing' | 'done' | 'failed';
export interface Reading { image: File | null; phase: Phase; progress: number; prediction: Prediction | null; error: unknown }
const idle: Reading = { image: null, phase: 'idle', progress: 0, prediction: null, error: null };

export function useReading() {
  const client = useQueryClient();
  const [reading, setReading] = useState<Reading>(idle);
  const running = useRef<AbortController | null>(null);

  const start = useCallback(async (image: File, target: Target, blinded: boolean) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setReading({ image, phase: 'sending', progress: 0, prediction: null, error: null });
    const options = {
      signal: controller.signal,
      onProgress: (fraction: number) => setReading((r) => (controller.signal.aborted ? r : { ...r, progress: fraction, phase: fraction >= 1 ? 'analysing' : 'sending' })),
    };
    try {
      const prediction = await (blinded ? api.read : api.predict)(target.name, target.version, image, options);
      if (controller.signal.aborted) return;
      setReading((r) => ({ ...r, phase: 'done', prediction }));
      void client.invalidateQueries({ queryKey: ['predictions'] });
    } catch (error) {
      if (!controller.signal.aborted) setReading((r) => ({ ...r, phase: 'failed', error }));
    }
  }, [client]);
  const clear = useCallback(() => { running.current?.abort(); setReading(idle); }, []);
  const reveal = useCallback((prediction: Prediction) => setReading((r) => ({ ...r, prediction })), []);
  useEffect(() => () => running.current?.abort(), []);
  return { reading, start, clear, reveal };
}
