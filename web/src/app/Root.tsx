import { localStorageColorSchemeManager, MantineProvider, MantineThemeProvider } from '@mantine/core';
import { ModalsProvider } from '@mantine/modals';
import { Notifications } from '@mantine/notifications';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError } from '../api/client';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { I18nProvider, useI18n } from '../i18n';
import { App } from './App';
import { SessionProvider } from './session';
import { cssVariables, theme } from './theme';

const schemes = localStorageColorSchemeManager({ key: 'aceso-color-scheme' });

export function makeQueryClient() {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        refetchOnWindowFocus: false,
        retry: (failures, error) => failures < 2 && error instanceof ApiError && (error.status === 0 || error.status === 503),
      },
    },
  });
}

export function Root({ nonce }: { nonce: string }) {
  const [client] = useState(makeQueryClient);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} colorSchemeManager={schemes} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <QueryClientProvider client={client}>
        <I18nProvider>
          <Localised />
        </I18nProvider>
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Localised() {
  const { t } = useI18n();
  return (
    <MantineThemeProvider theme={{ components: { Notification: { defaultProps: { closeButtonProps: { 'aria-label': t('common.close') } }, styles: { description: { color: 'var(--mantine-color-dimmed)' } } } } }} inherit>
    <ModalsProvider labels={{ confirm: t('common.confirm'), cancel: t('common.cancel') }}>
      <Notifications position="bottom-right" zIndex={400} />
      <ErrorBoundary>
        <SessionProvider>
          <App />
        </SessionProvider>
      </ErrorBoundary>
    </ModalsProvider>
    </MantineThemeProvider>
  );
}
