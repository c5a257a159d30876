// States every page shares: errors with their request id, emptiness, skeletons, notices.
import { Alert, Box, Button, Code, Group, Paper, Skeleton, Stack, Text, ThemeIcon, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { CircleAlert, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client';
import { hasKey, useI18n, type Translate } from '../i18n';

export function errorText(error: unknown, t: Translate): string {
  if (error instanceof ApiError) {
    if (error.status === 0) return t('error.network');
    const key = `error.code.${error.code}`;
    const general = hasKey(key) ? t(key) : t('error.code.internal');
    return error.detail ? `${general} ${sentence(error.detail)}` : general;
  }
  return t('error.code.internal');
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?。！？]$/.test(trimmed) ? '' : '.');
}

// `text`: what the error means here, where the page knows better than the code of the error.
export function ErrorState({ error, retry, title, text }: { error: unknown; retry?: () => void; title?: string; text?: string }) {
  const { t } = useI18n();
  const id = error instanceof ApiError ? error.requestId : undefined;
  return (
    <Alert role="alert" color="red" icon={<CircleAlert size={18} />} title={title ?? t('error.title')}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm" className="break">{text ?? errorText(error, t)}</Text>
        {id && <Code className="break">{t('error.requestId', { id })}</Code>}
        {retry && <Button size="xs" variant="default" onClick={retry}>{t('common.retry')}</Button>}
      </Stack>
    </Alert>
  );
}

export function EmptyState({ icon: Icon, title, text, action }: { icon: LucideIcon; title: string; text?: string; action?: ReactNode }) {
  return (
    <Paper p={{ base: 'xl', sm: 48 }}>
      <Stack align="center" gap="sm" ta="center" maw={460} mx="auto">
        <ThemeIcon size={52} radius="xl" variant="light"><Icon size={24} aria-hidden /></ThemeIcon>
        <Title order={2}>{title}</Title>
        {text && <Text c="dimmed" size="sm">{text}</Text>}
        {action && <Box mt="xs">{action}</Box>}
      </Stack>
    </Paper>
  );
}

export function ListSkeleton({ rows = 5 }: { rows?: number }) {
  const { t } = useI18n();
  return (
    <Paper p="md" role="status" aria-label={t('app.loading')}>
      <Stack gap="md">
        <Skeleton height={12} width="30%" />
        {Array.from({ length: rows }, (_, index) => <Skeleton key={index} height={22} />)}
      </Stack>
    </Paper>
  );
}

export function PageHead({ title, text, children }: { title: ReactNode; text?: ReactNode; children?: ReactNode }) {
  return (
    <Group justify="space-between" align="flex-start" mb="lg" gap="md">
      <Box flex="1 1 320px" miw={0}>
        <Title order={1}>{title}</Title>
        {text && <Text c="dimmed" size="sm" mt={4} maw={680}>{text}</Text>}
      </Box>
      {children && <Group gap="sm">{children}</Group>}
    </Group>
  );
}

export function notice(message: ReactNode, title?: ReactNode) {
  notifications.show({ message, title, color: 'aceso', autoClose: 6000, withBorder: true });
}

export function noticeError(error: unknown, t: Translate) {
  const id = error instanceof ApiError ? error.requestId : undefined;
  notifications.show({
    color: 'red', title: t('error.title'), autoClose: 12000, withBorder: true,
    message: <>{errorText(error, t)}{id && <Text size="xs" c="dimmed" mt={4} className="break mono">{t('error.requestId', { id })}</Text>}</>,
  });
}

// A change that can be taken back: the notice stays ten seconds and holds the way back.
export function noticeUndo(message: string, undoLabel: string, undo: () => void) {
  const id = notifications.show({
    color: 'aceso', autoClose: 10_000, withBorder: true,
    message: (
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Text size="sm">{message}</Text>
        <Button size="compact-sm" variant="light" onClick={() => { notifications.hide(id); undo(); }}>{undoLabel}</Button>
      </Group>
    ),
  });
}
