// Studies whose analyses changed, as the node tells it (server-sent events); whoever listens asks again for what it shows.
import { useEffect, useRef } from 'react';

// `changed`: of the study's UID, or of null when any may have changed.
export function useArchiveEvents(changed: (study: string | null) => void): void {
  const latest = useRef(changed);
  latest.current = changed;
  useEffect(() => {
    if (typeof EventSource === 'undefined') return undefined;
    const source = new EventSource('/api/v1/archive/events');
    source.addEventListener('study', (event) => {
      try {
        const { study } = JSON.parse((event as MessageEvent<string>).data) as { study: string | null };
        latest.current(study);
      } catch {
        latest.current(null);
      }
    });
    // A node that refuses the stream (too many, restarting) is asked again now and then instead.
    let timer = 0;
    source.onerror = () => { if (source.readyState === EventSource.CLOSED && timer === 0) timer = window.setInterval(() => latest.current(null), 15_000); };
    return () => { source.close(); window.clearInterval(timer); };
  }, []);
}
