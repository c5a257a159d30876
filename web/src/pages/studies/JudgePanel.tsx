// Agree with a result or say what it is instead: it becomes a verified report in the study and a verdict to learn from.
import { Button, Group, Radio, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Check, PenLine } from 'lucide-react';
import { useState } from 'react';
import { api } from '../../api/endpoints';
import type { Analysis } from '../../api/types';
import { useSession } from '../../app/session';
import { notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime } from '../../lib/format';

export function JudgePanel({ analysis, study }: { analysis: Analysis; study: string }) {
  const { t, language } = useI18n();
  const { can } = useSession();
  const client = useQueryClient();
  const [mode, setMode] = useState<'none' | 'correct'>('none');
  const others = (analysis.classes ?? []).filter((name) => name !== analysis.finding);
  const [label, setLabel] = useState('');
  const [comment, setComment] = useState('');
  const judge = useMutation({
    mutationFn: (agree: boolean) => api.judge(analysis.id!, { agree, ...(agree || !label ? {} : { label }), ...(comment.trim() ? { comment: comment.trim() } : {}) }),
    onSuccess: (done) => {
      notice(t('judge.savedText', { revision: done.judgement?.revision ?? 1 }), t('judge.saved'));
      setMode('none'); setComment(''); setLabel('');
      for (const key of ['analyses', 'series', 'study']) void client.invalidateQueries({ queryKey: [key, study] });
    },
    onError: (error) => noticeError(error, t),
  });
  const { judgement } = analysis;
  if (!analysis.id) return null;
  return (
    <Stack gap={6} mt={8}>
      {judgement && <Text size="sm" data-testid="judgement"><Text span fw={600}>{t(judgement.agree ? 'judge.agreed' : 'judge.corrected', { finding: judgement.finding })}</Text> <Text span c="dimmed" size="xs">{judgement.by}, {dateTime(judgement.at, language)}</Text>{judgement.comment && <Text size="xs" className="break">{judgement.comment}</Text>}</Text>}
      {can('feedback:write') && mode === 'none' && (
        <Group gap={6}>
          <Button size="compact-sm" variant="default" leftSection={<Check size={14} aria-hidden />} loading={judge.isPending} onClick={() => judge.mutate(true)}>{t('judge.agree')}</Button>
          <Button size="compact-sm" variant="default" leftSection={<PenLine size={14} aria-hidden />} disabled={judge.isPending} onClick={() => setMode('correct')}>{t('judge.correct')}</Button>
        </Group>
      )}
      {mode === 'correct' && (
        <form onSubmit={(event) => { event.preventDefault(); judge.mutate(false); }}>
          <Stack gap={8}>
            {others.length > 1 && <Radio.Group label={t('judge.instead')} value={label} onChange={setLabel} required><Stack gap={4} mt={4}>{others.map((name) => <Radio key={name} value={name} label={name} size="xs" />)}</Stack></Radio.Group>}
            {others.length === 1 && <Text size="sm">{t('judge.notThis', { finding: analysis.finding ?? '', other: others[0]! })}</Text>}
            {others.length === 0 && <TextInput size="xs" label={t('judge.instead')} description={t('judge.insteadHelp', { finding: analysis.finding ?? '' })} maxLength={200} value={label} onChange={(event) => setLabel(event.currentTarget.value)} />}
            <Textarea size="xs" label={t('verdict.comment')} description={t('verdict.commentHelp')} maxLength={4000} autosize minRows={2} value={comment} onChange={(event) => setComment(event.currentTarget.value)} />
            <Group gap={6}><Button type="submit" size="compact-sm" loading={judge.isPending} disabled={others.length > 1 && !label}>{t('judge.save')}</Button><Button size="compact-sm" variant="subtle" color="gray" onClick={() => setMode('none')}>{t('common.cancel')}</Button></Group>
          </Stack>
        </form>
      )}
    </Stack>
  );
}
