// One metric of several runs over its steps, in one chart. Loaded only with the page that draws it.
import '@mantine/charts/styles.css';
import { LineChart } from '@mantine/charts';
import { Box, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api } from '../api/endpoints';
import { useI18n } from '../i18n';
import { figure } from '../lib/format';
import { overlay, readCurves, type RunRow } from '../lib/runs';
import { ErrorState, ListSkeleton } from './feedback';

const axis = { fontSize: 12, fill: 'var(--mantine-color-dimmed)' };

export function MetricCurves({ runs, metric }: { runs: RunRow[]; metric: string }) {
  const { t } = useI18n();
  const ids = runs.map((run) => run.id);
  const query = useQuery({ queryKey: ['metric-curves', ids, metric], queryFn: () => api.metricHistory(ids, metric) });
  if (query.isPending) return <ListSkeleton rows={4} />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const data = overlay(readCurves(ids, query.data.metrics));
  if (data.length === 0) return <Text size="sm" c="dimmed">{t('runs.noMetrics')}</Text>;
  const label = runs.map((run) => `${run.name} ${figure(run.metrics.get(metric))}`).join(', ');
  return (
    <Box role="img" aria-label={t('runs.chart', { metric, values: label })}>
      <LineChart h={320} data={data} dataKey="step" withLegend connectNulls curveType="linear" strokeWidth={2} withDots={data.length <= 60} dotProps={{ r: 2.5 }} gridAxis="x" valueFormatter={(value) => figure(value)} xAxisProps={{ type: 'number', domain: ['dataMin', 'dataMax'], tick: axis }}
        yAxisProps={{ tick: axis, width: 52, domain: ['auto', 'auto'] }} lineChartProps={{ accessibilityLayer: false }} legendProps={{ verticalAlign: 'top', height: 34 }}
        series={runs.map((run, index) => ({ name: run.id, label: run.name, color: `var(--aceso-series-${(index % 4) + 1})`, strokeDasharray: index >= 4 ? '5 4' : undefined }))} />
    </Box>
  );
}
