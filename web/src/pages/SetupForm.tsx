// First run: the token proves that whoever sits here can read the node's home folder or its output.
import { Button, PasswordInput, Progress, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { ApiError } from '../api/client';
import { api } from '../api/endpoints';
import { useSession } from '../app/session';
import { ErrorState } from '../components/feedback';
import { useI18n } from '../i18n';
import { minPassword, strength } from '../lib/password';

export function SetupForm() {
  const { t } = useI18n();
  const { accept } = useSession();
  const client = useQueryClient();
  const [token, setToken] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [repeat, setRepeat] = useState('');
  const [touched, setTouched] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const nameBad = !/^[A-Za-z0-9._-]{1,64}$/.test(name.trim());
  const valid = token.trim() && !nameBad && password.length >= minPassword && password === repeat;

  async function submit(event: FormEvent) {
    event.preventDefault();
    setTouched(true);
    if (!valid) return;
    setBusy(true);
    setError(null);
    try {
      await api.setup(token.trim(), name.trim(), password);
      accept(await api.signIn(name.trim(), password));
      void client.invalidateQueries({ queryKey: ['setup'] });
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  }
  const need = t('signIn.required');
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Stack>
        <div>
          <Title order={1} fz={26}>{t('setup.title')}</Title>
          <Text size="sm" c="dimmed" mt={6}>{t('setup.text')}</Text>
        </div>
        {error !== null && <ErrorState error={error} text={error instanceof ApiError && error.code === 'denied' ? t('setup.wrongToken') : undefined} />}
        <TextInput label={t('setup.token')} value={token} onChange={(event) => setToken(event.currentTarget.value)} autoComplete="off" spellCheck={false} error={touched && !token.trim() && need} />
        <TextInput label={t('setup.name')} description={t('setup.nameRule')} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="username" autoCapitalize="none" spellCheck={false} error={touched && nameBad && (name ? t('setup.nameRule') : need)} />
        <NewPassword label={t('setup.password')} value={password} onChange={setPassword} touched={touched} />
        <PasswordInput label={t('setup.repeat')} value={repeat} onChange={(event) => setRepeat(event.currentTarget.value)} autoComplete="new-password" error={(touched || repeat.length > 0) && repeat !== password && t('setup.mismatch')}
          visibilityToggleButtonProps={{ 'aria-label': t('common.show') }} />
        <Button type="submit" size="md" loading={busy}>{t('setup.submit')}</Button>
      </Stack>
    </form>
  );
}

export function NewPassword({ label, description, value, onChange, touched }: { label: string; description?: string; value: string; onChange: (value: string) => void; touched: boolean }) {
  const { t } = useI18n();
  const score = strength(value);
  const word = t(score < 2 ? 'setup.weak' : score < 3 ? 'setup.fair' : 'setup.strong');
  return (
    <div>
      <PasswordInput label={label} description={description ?? t('setup.short')} value={value} onChange={(event) => onChange(event.currentTarget.value)} autoComplete="new-password"
        error={touched && value.length < minPassword && t('setup.short')} visibilityToggleButtonProps={{ 'aria-label': t('common.show') }} />
      {value && (
        <>
          <Progress mt={6} size={4} value={score * 25} color={score < 2 ? 'red' : score < 3 ? 'yellow' : 'aceso'} aria-label={t('setup.strength', { word })} />
          <Text size="xs" c="dimmed" mt={4} aria-live="polite">{t('setup.strength', { word })}</Text>
        </>
      )}
    </div>
  );
}
