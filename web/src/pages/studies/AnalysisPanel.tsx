// What models made of a study, series by series. Silence never reads as normal: a series without an analysis says so.
import { Alert, Badge, Box, Button, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleHelp } from 'lucide-react';
import { ApiError } from '../../api/client';
import type { Series } from '../../api/dicomweb';
import { api } from '../../api/endpoints';
import type { Analysis, AnalysisState } from '../../api/types';
import { useSession } from '../../app/session';
import { ErrorState, noticeError } from '../../components/feedback';
import { Hash, ResearchBadge } from '../../components/bits';
import { ProbabilityScale } from '../../components/ProbabilityScale';
import { TruthPanel } from '../../components/TruthPanel';
import { useI18n } from '../../i18n';
import { dateTime, percent, probability } from '../../lib/format';
import { JudgePanel } from './JudgePanel';

export const stateColors: Record<AnalysisState, string> = { waiting: 'gray', running: 'blue', analysed: 'aceso', failed: 'red', not_applicable: 'gray' };
// Kinds that hold results or words, not images to be analysed.
const noImages = new Set(['SR', 'SEG', 'PR', 'KO', 'DOC', 'RTSTRUCT', 'RTPLAN', 'RTDOSE', 'REG', 'ECG', 'AU', 'PLAN']);

export function useAnalyses(study: string) {
  return useQuery({ queryKey: ['analyses', study], queryFn: () => api.analyses(study) });
}

export function AnalysisPanel({ study, series }: { study: string; series: Series[] }) {
  const { t } = useI18n();
  const { can } = useSession();
  const query = useAnalyses(study);
  const unreported = query.error instanceof ApiError && query.error.status === 404;
  const analyses = query.data?.analyses ?? [];
  // What the node wrote itself is no image that waits for a model.
  const own = new Set(analyses.filter((item) => item.own).map((item) => item.series));
  const shown = series.filter((one) => !own.has(one.uid)).filter((one) => !noImages.has(one.modality) || analyses.some((item) => item.series === one.uid));
  const client = useQueryClient();
  const again = useMutation({
    mutationFn: () => api.analyse(study),
    onSuccess: () => client.invalidateQueries({ queryKey: ['analyses', study] }),
    onError: (error) => noticeError(error, t),
  });
  const rest = analyses.filter((item) => !item.own && !series.some((one) => one.uid === item.series));
  return (
    <Paper p="md" component="section" aria-labelledby="analyses-title">
      <Group justify="space-between" mb="sm" gap="xs"><Title order={2} id="analyses-title">{t('analyses.title')}</Title><ResearchBadge size="sm" /></Group>
      {unreported && <Alert color="yellow" icon={<CircleHelp size={18} />} title={t('analyses.unknown')}>{t('analyses.unknownText')}</Alert>}
      {query.error && !unreported && <ErrorState error={query.error} title={t('analyses.unknown')} retry={() => void query.refetch()} />}
      {query.data && (
        <Stack gap="md">
          {shown.map((one) => {
            const mine = analyses.filter((item) => item.series === one.uid);
            const label = [one.number === null ? '' : `${one.number}`, one.description || one.modality].filter(Boolean).join(' · ');
            return (
              <div key={one.uid} data-testid="analysis-of-series">
                <Text size="sm" fw={550} className="break" mb={4}>{label}</Text>
                {mine.length === 0 ? <Group gap={8}><Badge color="yellow">{t('analyses.none')}</Badge><Text size="sm" c="dimmed">{t('analyses.noRule')}</Text></Group> : <Stack gap="sm">{mine.map((item, index) => <One key={index} analysis={item} study={study} />)}</Stack>}
              </div>
            );
          })}
          {rest.map((item, index) => <One key={index} analysis={item} study={study} />)}
          {shown.length + rest.length === 0 && <Text size="sm" c="dimmed">{t('analyses.nothingToAnalyse')}</Text>}
        </Stack>
      )}
      <Group justify="space-between" mt="sm" gap="xs">
        <Text size="xs" c="dimmed" flex="1 1 160px">{t('analyses.silence')}</Text>
        {query.data && can('archive:write') && <Button size="compact-sm" variant="default" loading={again.isPending} onClick={() => again.mutate()}>{t('analyses.again')}</Button>}
      </Group>
    </Paper>
  );
}

function One({ analysis, study }: { analysis: Analysis; study: string }) {
  const { t, maybe, language } = useI18n();
  const { can } = useSession();
  const { model, state } = analysis;
  const value = analysis.probability;
  const threshold = analysis.threshold ?? null;
  return (
    <div className="analysis">
      <Group gap={8}>
        <Badge color={stateColors[state] ?? 'gray'} variant={state === 'running' ? 'dot' : 'light'}>{maybe('analyses.states', state)}</Badge>
        {analysis.positive && <Badge color="orange">{t('analyses.positive')}{analysis.urgency ? ` · ${maybe('worklist.urgencies', analysis.urgency)}` : ''}</Badge>}
        {model && <Text size="sm" className="break">{model.name}{typeof model.version === 'number' && <Text span c="dimmed"> v{model.version}</Text>}</Text>}
      </Group>
      {state === 'analysed' && typeof value === 'number' && (
        <>
          <Text size="sm" mt={6}><Text span fw={650} className="num">{probability(value)}</Text>{analysis.class ?? analysis.finding ? ` ${analysis.class ?? analysis.finding}` : ''}{analysis.interval && <Text span c="dimmed" className="num"> ({t('common.interval95')} {percent(analysis.interval[0])}–{percent(analysis.interval[1])})</Text>}</Text>
          <ProbabilityScale probability={value} threshold={threshold} positive={threshold !== null && value >= threshold} observed={analysis.interval ? { lower: analysis.interval[0], upper: analysis.interval[1] } : null} />
        </>
      )}
      {analysis.uncertainty && <Text size="xs" c="dimmed" mt={4}>{analysis.uncertainty}</Text>}
      {(analysis.warnings ?? []).map((warning) => <Text key={warning} size="sm" mt={4} fw={550} className="break">{warning}</Text>)}
      {analysis.reason && <Text size="sm" mt={4} className="break">{analysis.reason}</Text>}
      {analysis.map && <Text size="xs" c="dimmed" mt={4}>{t('analyses.map', { method: analysis.map.method })} {analysis.map.warning}</Text>}
      {analysis.map_note && <Text size="xs" c="dimmed" mt={4} className="break">{analysis.map_note}</Text>}
      {model?.intended_use && <Text size="xs" c="dimmed" mt={4}>{t('diagnose.intendedUse')}: {model.intended_use}</Text>}
      {state === 'analysed' && typeof value === 'number' && <JudgePanel analysis={analysis} study={study} />}
      {state === 'analysed' && typeof value === 'number' && analysis.prediction && can('predictions:read') && <Box mt={8}><TruthPanel prediction={analysis.prediction} heading={3} /></Box>}
      {(model?.hash || analysis.updated) && <Group gap={8} mt={2}>{model?.hash && <Hash value={model.hash} />}{analysis.updated && <Text size="xs" c="dimmed">{dateTime(analysis.updated, language)}</Text>}</Group>}
    </div>
  );
}
