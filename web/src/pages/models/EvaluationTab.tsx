// Evaluation figures, each with its interval drawn on one common scale.
import { Alert, Box, Group, Paper, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { TriangleAlert } from 'lucide-react';
import { lazy, Suspense } from 'react';
import { ListSkeleton } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { count, figure, interval } from '../../lib/format';
import { perClassOrder, unbounded, type Evaluation } from '../../lib/evaluation';
import { readable } from '../../lib/uncertainty';

const RocChart = lazy(() => import('../../components/charts').then((m) => ({ default: m.RocChart })));
const lossLike = new Set(['brier', 'ece']);

export function EvaluationTab({ evaluation, classes: cardClasses }: { evaluation: Evaluation; classes: string[] }) {
  const { t, maybe, language } = useI18n();
  const classes = evaluation.classes.length > 0 ? evaluation.classes : cardClasses;
  const largest = Math.max(1, ...(evaluation.confusion ?? [[0]]).flat());
  const verdicts = evaluation.places === 'boxes' ? { nothing: 'boxes.addsNothing', beats: 'boxes.beats' } as const
    : evaluation.places === 'outlines' ? { nothing: 'outlines.addsNothing', beats: 'outlines.beats' } as const
      : evaluation.unit === null ? { nothing: 'applicability.addsNothingText', beats: 'applicability.beats' } as const : { nothing: 'targets.addsNothing', beats: 'targets.beats' } as const;
  const columns = perClassOrder.filter((key) => evaluation.perClass.some((entry) => entry.figures.some((item) => item.key === key)));
  const area = evaluation.figures.find((item) => item.key === 'auroc')?.value ?? null;
  return (
    <Stack gap="lg">
      {evaluation.n !== null && <Text size="sm" c="dimmed">{t('models.evaluationOn', { n: count(evaluation.n, language), split: maybe('datasets.splits', evaluation.split ?? 'test') })}</Text>}
      {evaluation.baseline && (() => {
        const gain = evaluation.baseline.gain ? `${figure(evaluation.baseline.gain.value)} (${interval(evaluation.baseline.gain.lower, evaluation.baseline.gain.upper)})` : '–';
        return evaluation.baseline.addsNothing
          ? <Alert color="orange" icon={<TriangleAlert size={18} />} title={t('applicability.addsNothing')}>{t(verdicts.nothing, { gain })}</Alert>
          : <Text size="sm">{t(verdicts.beats, { gain })}</Text>;
      })()}
      <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('models.tabs.evaluation')}>
        <Table miw={560}>
          <Table.Thead><Table.Tr><Table.Th>{t('models.figure')}</Table.Th><Table.Th ta="right">{t('models.value')}</Table.Th><Table.Th>{t('common.interval95')}</Table.Th>{evaluation.unit === null && <Table.Th w="40%"><Group justify="space-between" component="span" className="num"><span>0</span><span>0.5</span><span>1</span></Group></Table.Th>}</Table.Tr></Table.Thead>
          <Table.Tbody>
            {evaluation.figures.map((item) => (
              <Table.Tr key={item.key}>
                <Table.Td fw={550}>{maybe('models.figures', item.key)}{evaluation.unit && ['mae', 'rmse', 'bias'].includes(item.key) ? `, ${evaluation.unit}` : ''}</Table.Td>
                <Table.Td ta="right" className="num">{figure(item.value)}</Table.Td>
                <Table.Td className="num nowrap">{interval(item.lower, item.upper)}</Table.Td>
                {!unbounded.has(item.key) && <Table.Td>
                  <svg viewBox="0 0 400 18" className="interval" preserveAspectRatio="none" role="img" aria-label={t('models.intervalChart', { name: maybe('models.figures', item.key), value: figure(item.value), lower: figure(item.lower), upper: figure(item.upper) })}>
                    <line x1="0" x2="400" y1="9" y2="9" className="interval-axis" /><line x1="200" x2="200" y1="3" y2="15" className="interval-axis" />
                    {item.lower !== null && item.upper !== null && <line x1={item.lower * 400} x2={item.upper * 400} y1="9" y2="9" className="interval-range" />}
                    <rect x={Math.min(396, item.value * 400 - 2)} y="3" width="4" height="12" rx="1" className={lossLike.has(item.key) ? 'interval-point-loss' : 'interval-point'} />
                  </svg>
                </Table.Td>}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Paper>
      {evaluation.perClass.length > 0 && (
        <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('models.perClass')}>
          <Title order={2} p="md" pb="xs">{t('models.perClass')}</Title>
          <Table miw={640}>
            <Table.Thead><Table.Tr><Table.Th>{t('datasets.label')}</Table.Th>{columns.map((key) => <Table.Th key={key}>{maybe('models.figures', key)}</Table.Th>)}</Table.Tr></Table.Thead>
            <Table.Tbody>
              {evaluation.perClass.map((entry) => (
                <Table.Tr key={entry.name}>
                  <Table.Td fw={550}>{readable(entry.name)}</Table.Td>
                  {columns.map((key) => { const item = entry.figures.find((candidate) => candidate.key === key); return <Table.Td key={key} className="num nowrap">{figure(item?.value)} {item?.lower !== null && item !== undefined && <Text span size="xs" c="dimmed">{interval(item.lower, item.upper)}</Text>}</Table.Td>; })}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Paper>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {evaluation.roc.length > 0 && <Paper p="md"><Title order={2} mb="sm">{t('models.roc')}</Title><Suspense fallback={<ListSkeleton rows={4} />}><RocChart points={evaluation.roc} area={area} /></Suspense></Paper>}
        {evaluation.confusion && (
          <Paper p="md">
            <Title order={2} mb={4}>{t('models.confusion')}</Title>
            <Text size="sm" c="dimmed" mb="md">{t('models.confusionCaption')}</Text>
            <Box className="scroll-x" tabIndex={0} role="region" aria-label={t('models.confusion')}>
              <table className="confusion">
                <thead><tr><td /><th colSpan={evaluation.confusion.length}>{t('models.predicted')}</th></tr><tr><th scope="col">{t('models.actual')}</th>{evaluation.confusion.map((_, j) => <th key={j} scope="col">{readable(classes[j] ?? String(j))}</th>)}</tr></thead>
                <tbody>{evaluation.confusion.map((row, i) => <tr key={i}><th scope="row">{readable(classes[i] ?? String(i))}</th>{row.map((n, j) => <td key={j} className="num" data-right={i === j} style={{ '--weight': `${Math.round((n / largest) * 34)}%` } as React.CSSProperties}>{count(n, language)}</td>)}</tr>)}</tbody>
              </table>
            </Box>
          </Paper>
        )}
      </SimpleGrid>
    </Stack>
  );
}
