// Charts in the application's colours. Loaded only with the pages that draw them.
import '@mantine/charts/styles.css';
import { BarChart, LineChart } from '@mantine/charts';
import { Box, Table, Text, VisuallyHidden } from '@mantine/core';
import type { Epoch, WatchDay } from '../api/types';
import { useI18n } from '../i18n';
import { figure } from '../lib/format';
import type { RocPoint } from '../lib/evaluation';

const axis = { fontSize: 12, fill: 'var(--mantine-color-dimmed)' };
const last = (epochs: Epoch[]) => epochs[epochs.length - 1];

export function LossChart({ epochs, height = 230 }: { epochs: Epoch[]; height?: number }) {
  const { t } = useI18n();
  return (
    <Box role="img" aria-label={t('training.lossChart', { train: figure(last(epochs)?.train_loss), validation: figure(last(epochs)?.validation_loss) })}>
      <LineChart h={height} data={epochs} dataKey="epoch" withLegend curveType="linear" strokeWidth={2} dotProps={{ r: 2.5 }} gridAxis="x" valueFormatter={(value) => figure(value)} xAxisProps={{ tick: axis }} yAxisProps={{ tick: axis, width: 44, tickFormatter: (value: number) => value.toFixed(2) }}
        lineChartProps={{ accessibilityLayer: false }} legendProps={{ verticalAlign: 'top', height: 34 }}
        series={[{ name: 'train_loss', label: t('training.trainLoss'), color: 'var(--aceso-series-1)' }, { name: 'validation_loss', label: t('training.valLoss'), color: 'var(--aceso-series-2)', strokeDasharray: '5 4' }]} />
    </Box>
  );
}

export function AucChart({ epochs, height = 230 }: { epochs: Epoch[]; height?: number }) {
  const { t } = useI18n();
  if (epochs.some((e) => typeof e.validation_rmse === 'number')) {
    return (
      <Box role="img" aria-label={t('training.rmseChart', { value: figure(last(epochs)?.validation_rmse) })}>
        <LineChart h={height} data={epochs} dataKey="epoch" withLegend curveType="linear" strokeWidth={2} dotProps={{ r: 2.5 }} gridAxis="x" valueFormatter={(value) => figure(value)} xAxisProps={{ tick: axis }}
          yAxisProps={{ tick: axis, width: 44, domain: [0, 'auto'] }} lineChartProps={{ accessibilityLayer: false }} legendProps={{ verticalAlign: 'top', height: 34 }}
          series={[{ name: 'validation_rmse', label: t('training.valRmse'), color: 'var(--aceso-series-1)' }]} />
      </Box>
    );
  }
  const key = epochs.some((e) => typeof e.validation_ap === 'number') ? 'validation_ap' : 'validation_auc';
  const low = Math.min(0.9, ...epochs.map((e) => e[key] ?? 1));
  return (
    <Box role="img" aria-label={t(key === 'validation_ap' ? 'training.apChart' : 'training.aucChart', { value: figure(last(epochs)?.[key]) })}>
      <LineChart h={height} data={epochs} dataKey="epoch" withLegend curveType="linear" strokeWidth={2} dotProps={{ r: 2.5 }} gridAxis="x" valueFormatter={(value) => figure(value)} xAxisProps={{ tick: axis }}
        yAxisProps={{ tick: axis, width: 44, domain: [Math.floor(low * 20) / 20, 1], tickFormatter: (value: number) => value.toFixed(2) }} lineChartProps={{ accessibilityLayer: false }} legendProps={{ verticalAlign: 'top', height: 34 }}
        series={[{ name: key, label: t(key === 'validation_ap' ? 'training.valAp' : 'training.valAuc'), color: 'var(--aceso-series-1)' }]} />
    </Box>
  );
}

export function SpeedChart({ epochs, height = 230 }: { epochs: Epoch[]; height?: number }) {
  const { t } = useI18n();
  return (
    <Box role="img" aria-label={t('training.speedChart', { value: figure(last(epochs)?.images_per_second, 0) })}>
      <LineChart h={height} data={epochs} dataKey="epoch" withLegend curveType="linear" strokeWidth={2} dotProps={{ r: 2.5 }} gridAxis="x" valueFormatter={(value) => figure(value, 0)} xAxisProps={{ tick: axis }}
        yAxisProps={{ tick: axis, width: 44, domain: [0, 'auto'] }} lineChartProps={{ accessibilityLayer: false }} legendProps={{ verticalAlign: 'top', height: 34 }}
        series={[{ name: 'images_per_second', label: t('training.speed'), color: 'var(--aceso-series-3)' }]} />
    </Box>
  );
}

export function CountsChart({ counts, classes, splitName }: { counts: Record<string, Record<string, number>>; classes: string[]; splitName: (split: string) => string }) {
  const { t } = useI18n();
  const rows = Object.entries(counts).map(([split, byClass]) => ({ split: splitName(split), ...byClass }));
  const colors = ['var(--aceso-series-1)', 'var(--aceso-series-2)', 'var(--aceso-series-3)', 'var(--aceso-series-4)'];
  return (
    <>
      <Box role="img" aria-label={t('datasets.counts')}>
        <BarChart h={230} data={rows} dataKey="split" withLegend gridAxis="x" xAxisProps={{ tick: axis }} yAxisProps={{ tick: axis, width: 44 }} barChartProps={{ accessibilityLayer: false }} maxBarWidth={44} legendProps={{ verticalAlign: 'top', height: 34 }}
          series={classes.slice(0, 8).map((name, index) => ({ name, color: colors[index % colors.length]! }))} />
      </Box>
      <VisuallyHidden>
        <Table><Table.Tbody>{Object.entries(counts).map(([split, byClass]) => <Table.Tr key={split}><Table.Th>{splitName(split)}</Table.Th>{Object.entries(byClass).map(([name, n]) => <Table.Td key={name}>{name}: {n}</Table.Td>)}</Table.Tr>)}</Table.Tbody></Table>
      </VisuallyHidden>
    </>
  );
}

export function RocChart({ points, area }: { points: RocPoint[]; area: number | null }) {
  const { t } = useI18n();
  const data = points.map((point) => ({ fpr: point.fpr, tpr: point.tpr, chance: point.fpr }));
  return (
    <Box role="img" aria-label={t('models.rocChart', { value: figure(area) })}>
      <LineChart h={300} data={data} dataKey="fpr" curveType="linear" strokeWidth={2} withDots={false} gridAxis="xy" valueFormatter={(value) => figure(value)} lineChartProps={{ accessibilityLayer: false }} xAxisLabel={t('models.falsePositive')} yAxisLabel={t('models.sensitivityAxis')}
        xAxisProps={{ type: 'number', domain: [0, 1], tick: axis, tickFormatter: (value: number) => value.toFixed(1) }} yAxisProps={{ domain: [0, 1], tick: axis, tickFormatter: (value: number) => value.toFixed(1) }}
        series={[{ name: 'tpr', label: t('models.sensitivityAxis'), color: 'var(--aceso-series-1)' }, { name: 'chance', label: '–', color: 'var(--aceso-line-strong)', strokeDasharray: '4 4' }]} />
      {points.length === 0 && <Text size="sm" c="dimmed">{t('common.none')}</Text>}
    </Box>
  );
}

// By day, the oldest first: what is expected from scores alone with what chance makes of so many cases, and where readers judged, how often they agreed.
export function PerformanceChart({ days }: { days: WatchDay[] }) {
  const { t } = useI18n();
  const data = [...days].reverse().filter((day) => day.performance || day.readers).map((day) => ({
    day: day.day.slice(5), accuracy: day.performance?.accuracy, low: day.performance?.low, high: day.performance?.high, expected: day.performance?.expected, readers: day.readers && day.readers.verdicts >= 5 ? day.readers.agreed / day.readers.verdicts : undefined,
  }));
  const latest = [...data].reverse().find((day) => day.accuracy !== undefined);
  const low = Math.min(0.9, ...data.flatMap((day) => [day.low ?? 1, day.readers ?? 1]));
  return (
    <Box role="img" aria-label={t('watch.chart', { value: figure(latest?.accuracy), expected: figure(latest?.expected) })}>
      <LineChart h={240} data={data} dataKey="day" withLegend curveType="linear" strokeWidth={2} dotProps={{ r: 3 }} gridAxis="x" connectNulls valueFormatter={(value) => figure(value)} xAxisProps={{ tick: axis }}
        yAxisProps={{ tick: axis, width: 44, domain: [Math.floor(low * 20) / 20, 1], tickFormatter: (value: number) => value.toFixed(2) }} lineChartProps={{ accessibilityLayer: false }} legendProps={{ verticalAlign: 'top', height: 34 }}
        series={[{ name: 'accuracy', label: t('watch.series.accuracy'), color: 'var(--aceso-series-1)' }, { name: 'low', label: t('watch.series.low'), color: 'var(--aceso-line-strong)', strokeDasharray: '2 4' }, { name: 'high', label: t('watch.series.high'), color: 'var(--aceso-line-strong)', strokeDasharray: '2 4' }, { name: 'expected', label: t('watch.series.expected'), color: 'var(--aceso-series-2)', strokeDasharray: '6 4' }, { name: 'readers', label: t('watch.series.readers'), color: 'var(--aceso-series-3)' }]} />
    </Box>
  );
}
