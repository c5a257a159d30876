import { Button, Stack, Text, Title } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { useI18n } from '../i18n';

export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };
  static getDerivedStateFromError() { return { failed: true }; }
  override render() { return this.state.failed ? <Failed /> : this.props.children; }
}

function Failed() {
  const { t } = useI18n();
  return (
    <Stack className="page" align="flex-start" role="alert">
      <Title order={1}>{t('error.render')}</Title>
      <Text c="dimmed">{t('error.renderText')}</Text>
      <Button onClick={() => window.location.reload()}>{t('error.reload')}</Button>
    </Stack>
  );
}
