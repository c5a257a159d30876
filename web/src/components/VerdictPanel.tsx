// The reader's verdict on one finding: agree, disagree or unsure, revisable; each save is a new revision, none is overwritten.
import { Badge, Box, Button, Group, Kbd, Paper, Select, Stack, Text, Textarea, Timeline, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Check, CircleHelp, X } from 'lucide-react';
import { forwardRef, useEffect, useImperativeHandle, useRef, useState } from 'react';
import { api } from '../api/endpoints';
import type { Prediction, Verdict } from '../api/types';
import { useSession } from '../app/session';
import { useI18n, type Key } from '../i18n';
import { dateTime } from '../lib/format';
import { findingOf, isHidden, readable } from '../lib/uncertainty';
import { ErrorState, notice } from './feedback';

type Choice = 'agree' | 'disagree' | 'unsure';
const choices: { value: Choice; label: Key; icon: typeof Check; key: string }[] = [
  { value: 'agree', label: 'verdict.agree', icon: Check, key: 'A' }, { value: 'disagree', label: 'verdict.disagree', icon: X, key: 'D' }, { value: 'unsure', label: 'verdict.unsure', icon: CircleHelp, key: 'U' },
];
export interface VerdictHandle { choose: (choice: Choice) => void; save: () => void }
// blind: asked as in a blinded read although the prediction is open to this reader.
interface Props { prediction: Prediction; classes: string[]; blind?: boolean; onRevealed?: (prediction: Prediction) => void }

export const VerdictPanel = forwardRef<VerdictHandle, Props>(function VerdictPanel({ prediction, classes, blind = false, onRevealed }, ref) {
  const { t } = useI18n();
  const { can, session } = useSession();
  const client = useQueryClient();
  const hidden = isHidden(prediction) || blind;
  const finding = findingOf(prediction);
  const [choice, setChoice] = useState<Choice | null>(null);
  const [label, setLabel] = useState<string | null>(null);
  const [comment, setComment] = useState('');
  const [missing, setMissing] = useState<string | null>(null);
  const buttons = useRef<HTMLDivElement>(null);
  const history = useQuery({ queryKey: ['verdicts', prediction.id], queryFn: () => api.verdicts(prediction.id), enabled: !hidden });
  const revisions = [...(history.data?.items ?? [])].sort((a, b) => b.time.localeCompare(a.time) || b.revision - a.revision);
  const latest = revisions.find((item) => item.author === session?.user.id);

  useEffect(() => { setChoice(null); setLabel(null); setComment(''); setMissing(null); }, [prediction.id]);

  const save = useMutation({
    mutationFn: () => api.giveVerdict(prediction.id, subject(), { agree: hidden || choice === 'unsure' ? null : choice === 'agree', label: chosenLabel() ?? '', comment: comment.trim() }),
    onSuccess: async (verdict: Verdict | undefined) => {
      void client.invalidateQueries({ queryKey: ['verdicts', prediction.id] });
      void client.invalidateQueries({ queryKey: ['predictions'] });
      notice(t('verdict.savedText', { revision: verdict?.revision ?? revisions.length + 1 }), t('verdict.saved'));
      setComment('');
      setChoice(null);
      setLabel(null);
      const fresh = await api.prediction(prediction.id);
      client.setQueryData(['prediction', prediction.id], fresh);
      onRevealed?.(fresh);
    },
  });

  function chosenLabel(): string | null {
    if (hidden) return label === unsureLabel ? null : label;
    return choice === 'disagree' ? label : null;
  }
  // While the prediction is hidden its finding is too: the reader's own stands for it.
  function subject(): string {
    return finding || chosenLabel() || classes[classes.length - 1] || '';
  }
  function pick(next: Choice) {
    setChoice(next);
    setMissing(null);
    // With two classes, disagreeing names the other one.
    if (next === 'disagree' && classes.length === 2) setLabel(classes.find((name) => name !== prediction.finding) ?? null);
  }
  function submit() {
    if (!can('feedback:write') || save.isPending) return;
    if (hidden ? !label : !choice) { setMissing(t(hidden ? 'verdict.pickFinding' : 'verdict.choose')); buttons.current?.querySelector('button')?.focus(); return; }
    if (!hidden && choice === 'disagree' && classes.length > 1 && !label) { setMissing(t('verdict.pickFinding')); return; }
    if ((hidden ? label === unsureLabel : choice === 'unsure') && !comment.trim()) { setMissing(t('verdict.sayWhy')); return; }
    save.mutate();
  }
  useImperativeHandle(ref, () => ({ choose: (next) => { if (!hidden && can('feedback:write')) pick(next); }, save: submit }));

  if (!can('feedback:write')) {
    return <Paper p="lg"><Text size="sm" c="dimmed">{t('verdict.notAllowed')}</Text><Revisions items={revisions} /></Paper>;
  }
  return (
    <Paper p="lg" component="section" aria-labelledby="verdict-title">
      <Stack gap="md">
        <Title order={2} id="verdict-title">{t(hidden ? 'verdict.blindTitle' : 'verdict.title')}</Title>
        {hidden ? (
          <Box ref={buttons} role="group" aria-label={t('verdict.whatIsIt')}>
            <Text size="sm" fw={550} mb={6}>{t('verdict.whatIsIt')}</Text>
            <Stack gap={8}>
              {[...classes, unsureLabel].map((name) => (
                <Button key={name} variant={label === name ? 'filled' : 'default'} justify="flex-start" aria-pressed={label === name} onClick={() => { setLabel(name); setMissing(null); }}>
                  {name === unsureLabel ? t('verdict.unsure') : readable(name)}
                </Button>
              ))}
            </Stack>
          </Box>
        ) : (
          <Group grow gap={8} ref={buttons} role="group" aria-labelledby="verdict-title" preventGrowOverflow={false}>
            {choices.map(({ value, label: text, icon: Icon, key }) => (
              <Button key={value} variant={choice === value ? 'filled' : 'default'} aria-pressed={choice === value} aria-keyshortcuts={key} px="xs" leftSection={<Icon size={16} aria-hidden />} onClick={() => pick(value)}>{t(text)}</Button>
            ))}
          </Group>
        )}
        {!hidden && choice === 'disagree' && classes.length > 1 && (
          <Select label={t('verdict.yourFinding')} placeholder={t('verdict.pickFinding')} data={classes.filter((name) => name !== prediction.finding).map((name) => ({ value: name, label: readable(name) }))} value={label} onChange={setLabel} />
        )}
        <Textarea label={t('verdict.comment')} description={t('verdict.commentHelp')} autosize minRows={2} maxRows={6} maxLength={2000} value={comment} onChange={(event) => setComment(event.currentTarget.value)} />
        {missing && <Text size="sm" c="var(--mantine-color-error)" role="alert">{missing}</Text>}
        {save.error && <ErrorState error={save.error} />}
        <Button onClick={submit} loading={save.isPending} rightSection={<Kbd size="xs" className="kbd-on-button">Ctrl ↵</Kbd>}>
          {t(hidden ? 'verdict.saveBlind' : latest ? 'verdict.update' : 'verdict.save')}
        </Button>
        {!hidden && <Revisions items={revisions} />}
      </Stack>
    </Paper>
  );
});

const unsureLabel = '\u0000unsure';

function Revisions({ items }: { items: Verdict[] }) {
  const { t, language } = useI18n();
  if (items.length === 0) return null;
  return (
    <Box>
      <Title order={3} mb="sm">{t('verdict.history')}</Title>
      <Timeline bulletSize={18} lineWidth={2} active={0} reverseActive={false}>
        {items.map((item, index) => (
          <Timeline.Item key={`${item.author}-${item.finding}-${item.revision}`} title={
            <Group gap={6}>
              <Text span size="sm" fw={550}>{t(item.agree === true ? 'verdict.agree' : item.agree === false ? 'verdict.disagree' : 'verdict.unsure')}{item.label && item.agree !== true ? `: ${readable(item.label)}` : ''}</Text>
              {index === 0 && <Badge size="xs" color="gray">{t('verdict.latest')}</Badge>}
            </Group>
          }>
            {item.comment && <Text size="sm" className="break">{item.comment}</Text>}
            <Text size="xs" c="dimmed">{t('verdict.revision', { n: item.revision })} · {item.author_name ?? item.author} · {dateTime(item.time, language)}</Text>
            {item.saw_prediction_first !== undefined && <Text size="xs" c="dimmed">{t(item.saw_prediction_first ? 'verdict.after' : 'verdict.before')}</Text>}
          </Timeline.Item>
        ))}
      </Timeline>
    </Box>
  );
}
