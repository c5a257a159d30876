// How long a case was in front of somebody: from when it was drawn, without the time in which the page was hidden.
import { useEffect, useRef } from 'react';

export function useWatchTime(key: string, running: boolean): () => number {
  const spent = useRef(0);
  const since = useRef<number | null>(null);
  useEffect(() => { spent.current = 0; since.current = null; }, [key]);
  useEffect(() => {
    const start = () => { if (running && document.visibilityState === 'visible' && since.current === null) since.current = performance.now(); };
    const stop = () => { if (since.current !== null) spent.current += performance.now() - since.current; since.current = null; };
    const change = () => { if (document.visibilityState === 'visible') start(); else stop(); };
    start();
    document.addEventListener('visibilitychange', change);
    return () => { document.removeEventListener('visibilitychange', change); stop(); };
  }, [key, running]);
  return () => Math.min(86_400_000, Math.round(spent.current + (since.current === null ? 0 : performance.now() - since.current)));
}
