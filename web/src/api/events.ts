// A job's events as they come (server-sent events; the browser reconnects and resumes with Last-Event-ID).
import { useEffect, useReducer, useState } from 'react';
import { api } from './endpoints';
import { withTrial } from '../lib/trials';
import type { Epoch, Job, Progress, Trial } from './types';

export interface LogLine { message: string; level?: string }
export interface JobFeed { epochs: Epoch[]; progress: Progress | null; job: Partial<Job> | null; log: LogLine[]; trials: Trial[] }
export type FeedEvent = { type: 'epoch'; data: Epoch } | { type: 'progress'; data: Progress } | { type: 'state'; data: Partial<Job> } | { type: 'log'; data: LogLine } | { type: 'trial'; data: Trial } | { type: 'reset' };
const nothing: JobFeed = { epochs: [], progress: null, job: null, log: [], trials: [] };
const maxLog = 500;

export function feedReducer(feed: JobFeed, event: FeedEvent): JobFeed {
  switch (event.type) {
    case 'reset': return nothing;
    // An epoch may come again after a reconnection or a new attempt: the later word counts, and what followed it is void.
    case 'epoch': return { ...feed, epochs: [...feed.epochs.filter((epoch) => epoch.trial !== event.data.trial || epoch.epoch < event.data.epoch), event.data] };
    case 'progress': return { ...feed, progress: event.data };
    case 'trial': return { ...feed, trials: withTrial(feed.trials, event.data) };
    case 'state': return { ...feed, job: { ...feed.job, ...event.data } };
    case 'log': return { ...feed, log: [...feed.log, event.data].slice(-maxLog) };
  }
}

export type Connection = 'connecting' | 'open' | 'lost' | 'closed';

export function useJobFeed(id: string, active: boolean, onState: () => void): { feed: JobFeed; connection: Connection } {
  const [feed, dispatch] = useReducer(feedReducer, nothing);
  const [connection, setConnection] = useState<Connection>('connecting');
  useEffect(() => {
    dispatch({ type: 'reset' });
    if (typeof EventSource === 'undefined') return undefined;
    const source = new EventSource(api.jobEvents(id));
    const listen = (type: 'epoch' | 'progress' | 'state' | 'log' | 'trial') => source.addEventListener(type, (event) => {
      try {
        const data = JSON.parse((event as MessageEvent<string>).data) as never;
        dispatch({ type, data });
        if (type === 'state') onState();
        const state = (data as Partial<Job>).state;
        if (type === 'state' && (state === 'succeeded' || state === 'failed' || state === 'cancelled')) { source.close(); setConnection('closed'); }
      } catch {
        // one unreadable event is no reason to lose the rest
      }
    });
    (['epoch', 'progress', 'state', 'log', 'trial'] as const).forEach(listen);
    source.onopen = () => setConnection('open');
    source.onerror = () => setConnection(source.readyState === EventSource.CLOSED ? 'closed' : 'lost');
    return () => source.close();
  }, [id, active]);
  return { feed, connection };
}

export function progressValues(progress: Progress | null | undefined): [string, string][] {
  if (!progress?.values) return [];
  return Array.isArray(progress.values) ? progress.values : Object.entries(progress.values);
}
