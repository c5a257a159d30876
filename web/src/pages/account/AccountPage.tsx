// One's own account: password, one-time codes, language and theme.
import { Badge, Box, Button, Code, Group, Modal, Paper, PasswordInput, PinInput, SimpleGrid, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { ShieldCheck } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/endpoints';
import { useSession } from '../../app/session';
import { LanguageSwitch, ThemeSwitch } from '../../components/bits';
import { ErrorState, notice, PageHead } from '../../components/feedback';
import { QrCode } from '../../components/QrCode';
import { useI18n } from '../../i18n';
import { ago } from '../../lib/format';
import { minPassword } from '../../lib/password';
import { NewPassword } from '../SetupForm';

export default function AccountPage() {
  const { t, maybe, language } = useI18n();
  const { session } = useSession();
  if (!session) return null;
  return (
    <Box className="page">
      <PageHead title={t('account.title')} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Paper p="lg">
          <Title order={2} mb="sm">{t('account.profile')}</Title>
          <dl className="definition">
            <dt>{t('common.name')}</dt><dd>{session.user.name}</dd>
            <dt>{t('users.roles')}</dt><dd>{session.user.roles.map((role) => maybe('users.roleNames', role)).join(', ')}</dd>
            <dt>{t('account.permissions')}</dt><dd><Group gap={6}>{session.user.scopes.filter((scope) => scope !== 'self').map((scope) => <Code key={scope}>{scope}</Code>)}</Group></dd>
          </dl>
          {session.expires && <Text size="sm" c="dimmed" mt="md">{t('account.sessionEnds', { time: ago(session.expires, language) })}</Text>}
        </Paper>
        <Paper p="lg">
          <Title order={2} mb="sm">{t('account.preferences')}</Title>
          <Stack gap="md">
            <div><Text size="sm" mb={6}>{t('app.language')}</Text><LanguageSwitch /></div>
            <div><Text size="sm" mb={6}>{t('app.theme')}</Text><ThemeSwitch /></div>
          </Stack>
        </Paper>
        <Paper p="lg"><Title order={2} mb="sm">{t('account.password')}</Title><PasswordForm /></Paper>
        <Paper p="lg"><Totp enabled={session.user.totp === true} /></Paper>
      </SimpleGrid>
    </Box>
  );
}

function PasswordForm() {
  const { t } = useI18n();
  const [old, setOld] = useState('');
  const [next, setNext] = useState('');
  const [repeat, setRepeat] = useState('');
  const [touched, setTouched] = useState(false);
  const save = useMutation({ mutationFn: () => api.changePassword(old, next), onSuccess: () => { notice(t('account.changed')); setOld(''); setNext(''); setRepeat(''); setTouched(false); } });
  const show = { 'aria-label': t('common.show') };
  function submit(event: FormEvent) {
    event.preventDefault();
    setTouched(true);
    if (old && next.length >= minPassword && next === repeat) save.mutate();
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <PasswordInput label={t('account.old')} value={old} onChange={(event) => setOld(event.currentTarget.value)} autoComplete="current-password" error={touched && !old && t('signIn.required')} visibilityToggleButtonProps={show} />
        <NewPassword label={t('account.new')} value={next} onChange={setNext} touched={touched} />
        <PasswordInput label={t('account.repeat')} value={repeat} onChange={(event) => setRepeat(event.currentTarget.value)} autoComplete="new-password" error={(touched || repeat.length > 0) && repeat !== next && t('setup.mismatch')} visibilityToggleButtonProps={show} />
        {save.error && <ErrorState error={save.error} />}
        <Group><Button type="submit" loading={save.isPending}>{t('account.change')}</Button></Group>
      </Stack>
    </form>
  );
}

function Totp({ enabled }: { enabled: boolean }) {
  const { t } = useI18n();
  const { refresh } = useSession();
  const [dialog, setDialog] = useState<'enrol' | 'disable' | null>(null);
  const close = () => { setDialog(null); void refresh(); };
  return (
    <Stack align="flex-start">
      <Group gap="sm"><Title order={2}>{t('account.totp')}</Title>{enabled && <Badge color="aceso" leftSection={<ShieldCheck size={12} aria-hidden />}>{t('common.yes')}</Badge>}</Group>
      <Text size="sm" c="dimmed">{t('account.totpText')}</Text>
      <Text size="sm">{t(enabled ? 'account.totpOn' : 'account.totpOff')}</Text>
      <Button variant={enabled ? 'default' : 'filled'} onClick={() => setDialog(enabled ? 'disable' : 'enrol')}>{t(enabled ? 'account.disableTotp' : 'account.enrol')}</Button>
      <Modal opened={dialog !== null} onClose={() => setDialog(null)} title={dialog === 'disable' ? t('account.disableTitle') : t('account.enrolTitle')} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {dialog === 'enrol' && <Enrol done={close} />}
        {dialog === 'disable' && <Disable done={close} />}
      </Modal>
    </Stack>
  );
}

function Enrol({ done }: { done: () => void }) {
  const { t } = useI18n();
  const [code, setCode] = useState('');
  const begin = useMutation({ mutationFn: api.beginTotp });
  const confirm = useMutation({ mutationFn: (value: string) => api.confirmTotp(value), onSuccess: () => { notice(t('account.enabled')); done(); }, onError: () => setCode('') });
  if (begin.isIdle) begin.mutate();
  return (
    <Stack align="center">
      {begin.error && <ErrorState error={begin.error} retry={() => begin.mutate()} />}
      {begin.isPending && <Skeleton height={208} width={208} />}
      {begin.data && (
        <>
          <Text size="sm">{t('account.scan')}</Text>
          <QrCode text={begin.data.otpauth_uri} label={t('account.qr')} />
          <Stack gap={4} align="center"><Text size="sm" c="dimmed">{t('account.manual')}</Text><Code className="break">{begin.data.secret.replace(/(.{4})(?=.)/g, '$1 ')}</Code></Stack>
          <Text size="sm" id="totp-code">{t('account.code')}</Text>
          <PinInput length={6} type="number" oneTimeCode value={code} onChange={setCode} onComplete={(value) => confirm.mutate(value)} aria-label={t('account.code')} />
        </>
      )}
      {confirm.error && <ErrorState error={confirm.error} />}
      <Button fullWidth disabled={code.length !== 6} loading={confirm.isPending} onClick={() => confirm.mutate(code)}>{t('account.verify')}</Button>
    </Stack>
  );
}

function Disable({ done }: { done: () => void }) {
  const { t } = useI18n();
  const [password, setPassword] = useState('');
  const remove = useMutation({ mutationFn: () => api.removeTotp(password), onSuccess: () => { notice(t('account.disabled')); done(); } });
  return (
    <form onSubmit={(event) => { event.preventDefault(); if (password) remove.mutate(); }}>
      <Stack>
        <Text size="sm">{t('account.disableText')}</Text>
        <PasswordInput label={t('account.old')} value={password} onChange={(event) => setPassword(event.currentTarget.value)} autoComplete="current-password" visibilityToggleButtonProps={{ 'aria-label': t('common.show') }} />
        {remove.error && <ErrorState error={remove.error} />}
        <Group justify="flex-end"><Button type="submit" color="red" loading={remove.isPending} disabled={!password}>{t('account.disableTotp')}</Button></Group>
      </Stack>
    </form>
  );
}
