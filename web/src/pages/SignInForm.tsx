// Name and password first; the one-time code only when the account asks for it.
import { Alert, Button, PasswordInput, PinInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { ApiError } from '../api/client';
import { api } from '../api/endpoints';
import { useSession } from '../app/session';
import { errorText } from '../components/feedback';
import { useI18n } from '../i18n';

export function SignInForm({ heading = false, name: fixedName }: { heading?: boolean; name?: string }) {
  const { t } = useI18n();
  const { accept } = useSession();
  const [name, setName] = useState(fixedName ?? '');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [needsCode, setNeedsCode] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  async function submit(totp?: string) {
    setBusy(true);
    setProblem('');
    try {
      accept(await api.signIn(name.trim(), password, totp));
    } catch (error) {
      setCode('');
      if (error instanceof ApiError && error.status === 401 && error.code === 'precondition') {
        setNeedsCode(true);
      } else if (error instanceof ApiError && error.status === 429) {
        setProblem(t('signIn.throttled', { seconds: error.retryAfter ?? 60 }));
      } else if (error instanceof ApiError && error.status === 401) {
        setProblem(t(totp ? 'signIn.wrongCode' : 'signIn.wrong'));
      } else {
        setProblem(errorText(error, t));
      }
    } finally {
      setBusy(false);
    }
  }
  function onSubmit(event: FormEvent) {
    event.preventDefault();
    if (!name.trim() || !password) { setProblem(`${t('signIn.name')}, ${t('signIn.password')}: ${t('signIn.required')}`); return; }
    void submit(needsCode ? code : undefined);
  }

  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack>
        {heading && <Title order={1} fz={26}>{needsCode ? t('signIn.codeTitle') : t('signIn.title')}</Title>}
        {problem && <Alert color="red" role="alert">{problem}</Alert>}
        {needsCode ? (
          <>
            <Text size="sm" c="dimmed" id="code-help">{t('signIn.codeHelp')}</Text>
            <PinInput length={6} type="number" oneTimeCode size="lg" value={code} onChange={setCode} autoFocus onComplete={(value) => void submit(value)} aria-label={t('signIn.code')} aria-describedby="code-help" disabled={busy} />
            <Button type="submit" size="md" loading={busy} disabled={code.length !== 6}>{t('signIn.submit')}</Button>
            {!fixedName && <Button variant="subtle" onClick={() => { setNeedsCode(false); setCode(''); setPassword(''); setProblem(''); }}>{t('signIn.useOther')}</Button>}
          </>
        ) : (
          <>
            <TextInput size="md" label={t('signIn.name')} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="username" autoCapitalize="none" spellCheck={false} autoFocus={!fixedName} readOnly={Boolean(fixedName)} />
            <PasswordInput size="md" label={t('signIn.password')} value={password} onChange={(event) => setPassword(event.currentTarget.value)} autoComplete="current-password" autoFocus={Boolean(fixedName)}
              visibilityToggleButtonProps={{ 'aria-label': t('common.show') }} />
            <Button type="submit" size="md" loading={busy} mt="xs">{t('signIn.submit')}</Button>
          </>
        )}
      </Stack>
    </form>
  );
}
