// Who is signed in and what they may do.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { ApiError, onSessionExpired } from '../api/client';
import { api } from '../api/endpoints';
import type { Scope, Session } from '../api/types';

interface SessionState {
  session: Session | null; loading: boolean; error: unknown; expired: boolean;
  can: (scope: Scope) => boolean; accept: (session: Session) => void; signOut: () => Promise<void>; refresh: () => Promise<unknown>;
}
const Context = createContext<SessionState | null>(null);

export function SessionProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [expired, setExpired] = useState(false);
  const query = useQuery({
    queryKey: ['session'],
    queryFn: async () => {
      try {
        return await api.session();
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Infinity,
    retry: 1,
  });
  const session = query.data ?? null;
  useEffect(() => onSessionExpired(() => setExpired(true)), []);
  useEffect(() => {
    if (!session) return undefined;
    const left = new Date(session.expires).getTime() - Date.now();
    if (!Number.isFinite(left) || left > 2 ** 31 - 1) return undefined;
    const timer = window.setTimeout(() => {
      // The node may have prolonged the session meanwhile: ask before disturbing anyone.
      api.session().then((fresh) => client.setQueryData(['session'], fresh)).catch(() => setExpired(true));
    }, Math.max(left, 0) + 1000);
    return () => window.clearTimeout(timer);
  }, [session, client]);

  const accept = useCallback((next: Session) => {
    const before = client.getQueryData<Session | null>(['session']);
    // Someone else's cached answers must never be shown to the next person.
    if (before && before.user.id !== next.user.id) client.clear();
    client.setQueryData(['session'], next);
    setExpired(false);
    void client.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'session' });
  }, [client]);
  const signOut = useCallback(async () => {
    try {
      await api.signOut();
    } finally {
      client.clear();
      client.setQueryData(['session'], null);
      setExpired(false);
    }
  }, [client]);

  const value = useMemo<SessionState>(() => ({
    session, loading: query.isPending, error: query.error, expired: expired && session !== null, accept, signOut, refresh: query.refetch,
    can: (scope) => scope === 'self' || (session?.user.scopes.includes(scope) ?? false),
  }), [session, query.isPending, query.error, query.refetch, expired, accept, signOut]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useSession(): SessionState {
  const value = useContext(Context);
  if (!value) throw new Error('useSession outside SessionProvider');
  return value;
}
