import { Alert, Badge, Button, Checkbox, Code, CopyButton, Group, Modal, NumberInput, Paper, SimpleGrid, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { KeySquare, Plus } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/endpoints';
import type { Token } from '../../api/types';
import { useSession } from '../../app/session';
import { ask } from '../../components/confirm';
import { EmptyState, ErrorState, ListSkeleton, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime } from '../../lib/format';

export function TokensTab() {
  const { t, language } = useI18n();
  const client = useQueryClient();
  const [adding, setAdding] = useState(false);
  const query = useQuery({ queryKey: ['tokens'], queryFn: api.tokens });
  const done = () => client.invalidateQueries({ queryKey: ['tokens'] });
  const revoke = useMutation({ mutationFn: (token: Token) => api.deleteToken(token.id), onSuccess: (_answer, token) => { notice(t('users.revoked', { name: token.name })); return done(); }, onError: (error) => noticeError(error, t) });
  if (query.isPending) return <ListSkeleton />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const add = <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setAdding(true)}>{t('users.addToken')}</Button>;
  return (
    <Stack>
      {query.data.items.length === 0 ? <EmptyState icon={KeySquare} title={t('users.tokensEmpty')} text={t('users.tokensText')} action={add} /> : (
        <>
          <Group justify="space-between" gap="md"><Text size="sm" c="dimmed" flex="1 1 300px">{t('users.tokensText')}</Text>{add}</Group>
          <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('users.tabTokens')}>
            <Table miw={700}>
              <Table.Thead><Table.Tr><Table.Th>{t('users.tokenName')}</Table.Th><Table.Th>{t('users.scopes')}</Table.Th><Table.Th>{t('users.expires')}</Table.Th><Table.Th><span className="visually-hidden">{t('common.actions')}</span></Table.Th></Table.Tr></Table.Thead>
              <Table.Tbody>
                {query.data.items.map((token) => (
                  <Table.Tr key={token.id}>
                    <Table.Td fw={550}>{token.name}</Table.Td>
                    <Table.Td><Group gap={6}>{token.scopes.map((scope) => <Code key={scope}>{scope}</Code>)}</Group></Table.Td>
                    <Table.Td><Group gap={8}><Text span size="sm">{dateTime(token.expires, language)}</Text><Expiry expires={token.expires} /></Group></Table.Td>
                    <Table.Td ta="right"><Button size="xs" variant="default" onClick={() => ask({ title: t('users.revokeTitle', { name: token.name }), text: t('users.revokeText'), confirm: t('users.revoke'), cancel: t('common.cancel'), danger: true, onConfirm: () => revoke.mutate(token) })}>{t('users.revoke')}</Button></Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Paper>
        </>
      )}
      <Modal opened={adding} onClose={() => setAdding(false)} title={t('users.addToken')} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': t('common.close') }}>{adding && <TokenForm close={() => { setAdding(false); void done(); }} />}</Modal>
    </Stack>
  );
}

function Expiry({ expires }: { expires?: string | null }) {
  const { t } = useI18n();
  if (!expires) return null;
  const days = (new Date(expires).getTime() - Date.now()) / 86_400_000;
  if (days < 0) return <Badge color="red">{t('users.expired')}</Badge>;
  return days < 7 ? <Badge color="yellow">{t('users.soon')}</Badge> : null;
}

function TokenForm({ close }: { close: () => void }) {
  const { t } = useI18n();
  const { session } = useSession();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>([]);
  const [days, setDays] = useState(90);
  const [touched, setTouched] = useState(false);
  const make = useMutation({ mutationFn: () => api.createToken(name.trim(), scopes, days) });
  function submit(event: FormEvent) {
    event.preventDefault();
    setTouched(true);
    if (name.trim() && scopes.length > 0) make.mutate();
  }
  if (make.data) {
    const { token } = make.data;
    return (
      <Stack>
        <Alert color="yellow" title={t('users.tokenOnce')}>{t('users.tokenOnceText')}</Alert>
        <Code block className="break" data-testid="new-token">{token}</Code>
        <Group justify="flex-end">
          <CopyButton value={token}>{({ copied, copy }) => <Button variant="default" onClick={copy}>{t(copied ? 'common.copied' : 'common.copy')}</Button>}</CopyButton>
          <Button onClick={close}>{t('users.tokenDone')}</Button>
        </Group>
      </Stack>
    );
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput label={t('users.tokenName')} value={name} maxLength={100} onChange={(event) => setName(event.currentTarget.value)} error={touched && !name.trim() && t('signIn.required')} data-autofocus />
        <Checkbox.Group label={t('users.scopes')} description={t('users.scopeHelp')} value={scopes} onChange={setScopes} error={touched && scopes.length === 0 && t('users.pickScope')}>
          <SimpleGrid cols={{ base: 1, xs: 2 }} mt={8} spacing={8}>{(session?.user.scopes ?? []).filter((scope) => scope !== 'self').map((scope) => <Checkbox key={scope} value={scope} label={scope} styles={{ label: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }} />)}</SimpleGrid>
        </Checkbox.Group>
        <NumberInput label={t('users.expiresDays')} value={days} min={1} max={365} allowDecimal={false} clampBehavior="strict" w={200} onChange={(value) => setDays(typeof value === 'number' ? value : 90)} />
        {make.error && <ErrorState error={make.error} />}
        <Group justify="flex-end"><Button type="submit" loading={make.isPending}>{t('users.createToken')}</Button></Group>
      </Stack>
    </form>
  );
}
