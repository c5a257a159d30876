// What became known of a case later (pathology, a discharge code, follow-up, a consensus), beside the readers' verdicts; each change is a revision, none is lost.
import { Badge, Box, Button, Group, NativeSelect, Stack, Text, Textarea, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { ApiError } from '../api/client';
import { api } from '../api/endpoints';
import { truthKinds, type Truth, type TruthKind } from '../api/types';
import { useSession } from '../app/session';
import { useI18n } from '../i18n';
import { dateTime } from '../lib/format';
import { ErrorState, notice, noticeError } from './feedback';

const empty = { kind: 'pathology' as TruthKind, label: '', scheme: '', code: '', date: '', origin: '', comment: '' };

export function TruthPanel({ prediction, heading = 2 }: { prediction: string; heading?: 2 | 3 }) {
  const { t, language } = useI18n();
  const { can } = useSession();
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const [fields, setFields] = useState(empty);
  const [withdrawing, setWithdrawing] = useState<TruthKind | null>(null);
  const query = useQuery({ queryKey: ['truths', prediction], queryFn: () => api.truths(prediction), retry: false });
  const done = (truth: Truth) => { notice(t('truth.savedText', { revision: truth.revision }), t('truth.saved')); setFields(empty); setOpen(false); setWithdrawing(null); void client.invalidateQueries({ queryKey: ['truths', prediction] }); };
  const save = useMutation({
    mutationFn: () => { const { kind, ...rest } = fields; return api.giveTruth(prediction, kind, Object.fromEntries(Object.entries(rest).filter(([, value]) => value.trim() !== ''))); },
    onSuccess: done, onError: (error) => noticeError(error, t),
  });
  const withdraw = useMutation({ mutationFn: () => api.giveTruth(prediction, withdrawing!, { withdraw: true, comment: fields.comment.trim() }), onSuccess: done, onError: (error) => noticeError(error, t) });
  // A blinded read of this input waits for its verdict: nothing is said of it, and nothing to complain of.
  if (query.error instanceof ApiError && query.error.status === 412) return null;
  const items = query.data?.items ?? [];
  const latest = truthKinds.flatMap((kind) => { const last = items.filter((one) => one.kind === kind).at(-1); return last ? [last] : []; });
  const classes = query.data?.classes ?? [];
  const set = (name: keyof typeof empty) => (event: { currentTarget: { value: string } }) => { const { value } = event.currentTarget; setFields((before) => ({ ...before, [name]: value })); };
  const submit = (event: FormEvent) => { event.preventDefault(); if (withdrawing) withdraw.mutate(); else save.mutate(); };
  const small = heading === 3;
  return (
    <Box component="section" aria-label={t('truth.title')} data-testid="truth">
      <Title order={heading} mb={6} size={small ? 'h5' : undefined}>{t('truth.title')}</Title>
      {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data && latest.length === 0 && <Text size="sm" c="dimmed">{t('truth.none')}</Text>}
      <Stack gap={8}>
        {latest.map((one) => {
          const agreement = query.data?.agreement.find((entry) => entry.kind === one.kind);
          const earlier = items.filter((item) => item.kind === one.kind && item.revision < one.revision).reverse();
          return (
            <div key={one.kind}>
              <Group gap={6}><Badge variant="light" color={one.withdrawn ? 'gray' : 'aceso'}>{t(`truth.kinds.${one.kind}`)}</Badge><Text size="sm" fw={600} className="break">{one.withdrawn ? t('truth.withdrawn') : one.label}</Text>{one.code && <Text size="xs" c="dimmed" className="break">{one.code.scheme} {one.code.value} {one.code.meaning}</Text>}</Group>
              <Text size="xs" c="dimmed" className="break">{[one.date, one.origin, one.author_name, dateTime(one.time, language)].filter(Boolean).join(' · ')}</Text>
              {one.comment && <Text size="xs" className="break">{one.comment}</Text>}
              {agreement && <Text size="xs" className="break">{[agreement.model_same === null ? '' : t(agreement.model_same ? 'truth.modelSame' : 'truth.modelOther'), ...agreement.readers.map((reader) => t(reader.same ? 'truth.readerSame' : 'truth.readerOther', { name: reader.reader_name }))].filter(Boolean).join(' · ')}</Text>}
              {earlier.length > 0 && <details><summary className="truth-history">{t('truth.history', { count: String(earlier.length) })}</summary>{earlier.map((item) => <Text key={item.revision} size="xs" c="dimmed" className="break">{[t('verdict.revision', { n: String(item.revision) }), item.withdrawn ? t('truth.withdrawn') : item.label, item.date, item.origin, item.author_name, dateTime(item.time, language), item.comment].filter(Boolean).join(' · ')}</Text>)}</details>}
              {can('feedback:write') && !one.withdrawn && !open && withdrawing === null && <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setWithdrawing(one.kind)}>{t('truth.withdraw')}</Button>}
            </div>
          );
        })}
        {query.data && classes.length > 0 && can('feedback:write') && !open && withdrawing === null && <div><Button size="compact-sm" variant="default" onClick={() => setOpen(true)}>{t('truth.add')}</Button></div>}
        {(open || withdrawing !== null) && (
          <form onSubmit={submit}>
            <Stack gap={8}>
              {withdrawing === null ? (
                <>
                  <NativeSelect size="xs" label={t('truth.kind')} value={fields.kind} onChange={set('kind')} data={truthKinds.map((kind) => ({ value: kind, label: t(`truth.kinds.${kind}`) }))} />
                  <NativeSelect size="xs" label={t('truth.label')} description={t('truth.labelHelp')} value={fields.label} onChange={set('label')} data={[{ value: '', label: t('truth.byCode') }, ...classes]} />
                  <Group gap={8} grow><TextInput size="xs" label={t('truth.scheme')} maxLength={64} value={fields.scheme} onChange={set('scheme')} /><TextInput size="xs" label={t('truth.code')} maxLength={64} value={fields.code} onChange={set('code')} /></Group>
                  <TextInput size="xs" type="date" required label={t('truth.date')} value={fields.date} onChange={set('date')} />
                  <TextInput size="xs" required label={t('truth.origin')} description={t('truth.originHelp')} maxLength={200} value={fields.origin} onChange={set('origin')} />
                </>
              ) : <Text size="sm">{t('truth.withdrawText', { kind: t(`truth.kinds.${withdrawing}`) })}</Text>}
              <Textarea size="xs" required={withdrawing !== null} label={t('verdict.comment')} description={t('verdict.commentHelp')} maxLength={2000} autosize minRows={2} value={fields.comment} onChange={set('comment')} />
              <Group gap={6}><Button type="submit" size="compact-sm" loading={save.isPending || withdraw.isPending}>{t(withdrawing ? 'truth.withdraw' : 'truth.save')}</Button><Button size="compact-sm" variant="subtle" color="gray" onClick={() => { setOpen(false); setWithdrawing(null); setFields(empty); }}>{t('common.cancel')}</Button></Group>
            </Stack>
          </form>
        )}
      </Stack>
    </Box>
  );
}
