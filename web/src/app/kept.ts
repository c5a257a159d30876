// State of a page that lasts as long as the session, in memory alone: the way back finds the page as it was, signing out forgets it.
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';

export function useKept<T>(name: string, start: T, first?: T | null): [T, (change: (state: T) => T) => void] {
  const client = useQueryClient();
  const [state, setState] = useState<T>(() => first ?? client.getQueryData<T>(['kept', name]) ?? start);
  const change = useCallback((next: (state: T) => T) => setState((before) => {
    const after = next(before);
    client.setQueryData(['kept', name], after);
    return after;
  }), [client, name]);
  return [state, change];
}
