// Links that show one study to somebody without an account: made here, listed, taken back.
import { Alert, Badge, Button, Code, CopyButton, Group, Modal, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/endpoints';
import type { Share } from '../../api/types';
import { ErrorState, ListSkeleton, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { count, dateTime } from '../../lib/format';

const spans = ['24', '72', '168', '720'] as const;
const iso = (us: number) => new Date(us / 1000).toISOString();

export function ShareStudy({ study, opened, close }: { study: string; opened: boolean; close: () => void }) {
  const { t } = useI18n();
  return <Modal opened={opened} onClose={close} title={t('share.title')} size="lg" closeButtonProps={{ 'aria-label': t('common.close') }}>{opened && <Links study={study} />}</Modal>;
}

function Links({ study }: { study: string }) {
  const { t, maybe } = useI18n();
  const client = useQueryClient();
  const [hours, setHours] = useState('72');
  const [note, setNote] = useState('');
  const links = useQuery({ queryKey: ['shares', study], queryFn: () => api.shares(study) });
  const refresh = () => void client.invalidateQueries({ queryKey: ['shares', study] });
  const make = useMutation({ mutationFn: () => api.share(study, Number(hours), note.trim()), onSuccess: refresh, onError: (error) => noticeError(error, t) });
  const link = make.data ? `${window.location.origin}/shared#${make.data.token}` : '';
  return (
    <Stack>
      <Text size="sm" c="dimmed">{t('share.text')}</Text>
      {link === '' ? (
        <Group align="flex-end" gap="sm">
          <Select label={t('share.hours')} data={spans.map((value) => ({ value, label: maybe('share.spans', `h${value}`) }))} value={hours} onChange={(value) => setHours(value ?? '72')} allowDeselect={false} w={150} />
          <TextInput label={t('share.note')} description={t('share.noteHelp')} value={note} maxLength={100} onChange={(event) => setNote(event.currentTarget.value)} flex="1 1 200px" inputWrapperOrder={['label', 'input', 'description', 'error']} />
          <Button onClick={() => make.mutate()} loading={make.isPending}>{t('share.make')}</Button>
        </Group>
      ) : (
        <Stack gap="xs">
          <Alert color="yellow" title={t('share.once')}>{t('share.onceText')}</Alert>
          <Code block className="break" data-testid="share-link" aria-label={t('share.link')}>{link}</Code>
          <Group justify="flex-end"><CopyButton value={link}>{({ copied, copy }) => <Button onClick={copy}>{t(copied ? 'common.copied' : 'common.copy')}</Button>}</CopyButton></Group>
        </Stack>
      )}
      <Title order={2} size="h5">{t('share.links')}</Title>
      {links.isPending && <ListSkeleton rows={2} />}
      {links.error && <ErrorState error={links.error} retry={() => void links.refetch()} />}
      {links.data?.items.length === 0 && <Text size="sm" c="dimmed">{t('share.none')}</Text>}
      <Stack gap="xs">{links.data?.items.map((one) => <LinkRow key={one.id} study={study} share={one} changed={refresh} />)}</Stack>
    </Stack>
  );
}

function LinkRow({ study, share, changed }: { study: string; share: Share; changed: () => void }) {
  const { t, maybe, language } = useI18n();
  const revoke = useMutation({ mutationFn: () => api.revokeShare(study, share.id), onSuccess: () => { notice(t('share.revoked')); changed(); }, onError: (error) => noticeError(error, t) });
  return (
    <Group justify="space-between" wrap="nowrap" gap="sm">
      <div>
        <Group gap="xs"><Badge variant="light" color={share.state === 'open' ? 'teal' : 'gray'}>{maybe('share.states', share.state)}</Badge><Text size="sm" className="break">{share.note || '–'}</Text></Group>
        <Text size="xs" c="dimmed">{[t('share.by', { name: share.by }), t('share.until', { time: dateTime(iso(share.expires_us), language) }), t('share.openedTimes', { count: count(share.opened, language) })].join(' · ')}</Text>
      </div>
      {share.state === 'open' && <Button size="compact-sm" variant="default" onClick={() => revoke.mutate()} loading={revoke.isPending}>{t('share.revoke')}</Button>}
    </Group>
  );
}
