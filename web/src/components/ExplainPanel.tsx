// Where the model looked, if its map passed the checks; a map that failed is named, not shown.
import { Alert, Button, Group, List, Loader, Paper, Select, Stack, Switch, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleX } from 'lucide-react';
import { useEffect, useState } from 'react';
import { acceptedJobId, api } from '../api/endpoints';
import type { ExplainMethod, Explanation, Prediction } from '../api/types';
import { useI18n } from '../i18n';
import { ErrorState } from './feedback';

const methods: ExplainMethod[] = ['gradcam', 'integrated_gradients', 'occlusion'];
const ended = (state?: string) => state === 'succeeded' || state === 'failed' || state === 'cancelled';

export function ExplainPanel({ prediction, onOverlay }: { prediction: Prediction; onOverlay: (url: string | null) => void }) {
  const { t } = useI18n();
  const [method, setMethod] = useState<ExplainMethod>('gradcam');
  const [asked, setAsked] = useState<string | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [shown, setShown] = useState(true);
  const job = useQuery({ queryKey: ['explanation', asked], queryFn: () => api.explanation(asked!), enabled: asked !== null, refetchInterval: (query) => (ended(query.state.data?.state) ? false : 1000) });
  const done = job.data?.state === 'succeeded' ? (job.data.output as unknown as Explanation) : null;
  const url = done?.passed && asked ? api.explanationOverlay(asked) : null;
  useEffect(() => { onOverlay(shown ? url : null); }, [onOverlay, shown, url]);
  useEffect(() => { setAsked(null); setFailure(null); }, [prediction.id]);

  async function ask() {
    setFailure(null);
    try {
      setAsked(acceptedJobId(await api.explain(prediction.id, method)) ?? null);
    } catch (error) {
      setFailure(error);
    }
  }
  const waiting = asked !== null && !ended(job.data?.state) && !job.error;
  return (
    <Paper p="lg" component="section" aria-labelledby="explain-title">
      <Title order={2} id="explain-title">{t('explain.title')}</Title>
      <Text size="sm" c="dimmed" mt={4}>{t('explain.text')}</Text>
      <Group mt="sm" gap="sm" align="end">
        <Select label={t('explain.method')} value={method} onChange={(value) => { if (value) { setMethod(value as ExplainMethod); setAsked(null); } }} data={methods.map((value) => ({ value, label: t(`explain.methods.${value}`) }))} allowDeselect={false} />
        <Button variant="default" onClick={() => void ask()} disabled={waiting} leftSection={waiting ? <Loader size={14} /> : undefined}>{t(waiting ? 'explain.waiting' : 'explain.ask')}</Button>
      </Group>
      {Boolean(failure ?? job.error) && <ErrorState error={failure ?? job.error} retry={() => void ask()} />}
      {job.data && ended(job.data.state) && !done && <Alert color="red" mt="sm" title={t('explain.failed')}>{job.data.error ?? ''}</Alert>}
      {done && (
        <Stack gap="sm" mt="md">
          {done.passed
            ? <Switch checked={shown} onChange={(event) => setShown(event.currentTarget.checked)} label={t('explain.show')} />
            : <Alert color="orange" title={t('explain.notShown')}>{t('explain.notShownText')}</Alert>}
          <List size="sm" spacing={4} center={false}>
            {done.checks.map((check) => (
              <List.Item key={check.name} icon={check.passed ? <CircleCheck size={16} aria-label={t('explain.passed')} /> : <CircleX size={16} color="var(--mantine-color-red-text)" aria-label={t('explain.checkFailed')} />}>
                <Text span size="sm" fw={550}>{check.name}</Text><Text size="xs" c="dimmed">{check.text}</Text>
              </List.Item>
            ))}
          </List>
          {done.warning && <Text size="xs" c="dimmed">{t('explain.warning')}</Text>}
        </Stack>
      )}
    </Paper>
  );
}
