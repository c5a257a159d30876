// Kappa with its interval, the table of two readers, and each class.
import { Box, Group, Paper, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import type { KappaFigure, LabelAgreement, MeanFigure, ReaderPair } from '../../api/labelling';
import { useI18n } from '../../i18n';
import { figure, interval, percent } from '../../lib/format';

export function Agreement({ agreement, ordered }: { agreement: LabelAgreement; ordered: boolean }) {
  const { t } = useI18n();
  return (
    <Stack gap="lg">
      <SimpleGrid cols={{ base: 2, sm: 5 }} spacing="md" component="section" aria-label={t('labelling.agreement')}>
        {([['readByAll', agreement.read_by_all], ['agreed', agreement.agreed], ['disagreed', agreement.disagreed], ['adjudicated', agreement.adjudicated], ['withoutLabel', agreement.cannot_tell]] as const).map(([key, value]) => (
          <Paper key={key} p="md"><Text className="stat num">{value}</Text><Text size="sm" c="dimmed">{t(`labelling.counts.${key}`)}</Text></Paper>
        ))}
      </SimpleGrid>
      {agreement.pairs.map((pair) => <Pair key={`${pair.a}/${pair.b}`} pair={pair} drawn={agreement.task !== 'classes'} ordered={ordered} />)}
      <Paper p="md" component="section" aria-label={t('labelling.pace')}>
        <Title order={2} mb="sm">{t('labelling.pace')}</Title>
        <Box className="scroll-x" tabIndex={0} role="region" aria-label={t('labelling.pace')}>
          <Table miw={420}>
            <Table.Thead><Table.Tr><Table.Th>{t('common.name')}</Table.Th><Table.Th ta="right">{t('labelling.medianSeconds')}</Table.Th><Table.Th ta="right">{t('labelling.cannotTell')}</Table.Th><Table.Th ta="right">{t('labelling.changed')}</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>{agreement.readers.map((reader) => <Table.Tr key={reader.name}><Table.Td>{reader.name}</Table.Td><Table.Td ta="right" className="num">{figure(reader.median_seconds, 1)}</Table.Td><Table.Td ta="right" className="num">{reader.cannot_tell}</Table.Td><Table.Td ta="right" className="num">{reader.changed}</Table.Td></Table.Tr>)}</Table.Tbody>
          </Table>
        </Box>
      </Paper>
    </Stack>
  );
}

function Pair({ pair, drawn, ordered }: { pair: ReaderPair; drawn: boolean; ordered: boolean }) {
  const { t } = useI18n();
  const classes = drawn ? [t('labelling.somethingDrawn'), t('labelling.nothing')] : pair.categories;
  const most = Math.max(1, ...pair.table.flat());
  return (
    <Paper p="md" component="section" aria-label={`${pair.a}, ${pair.b}`}>
      <Title order={2} mb="sm">{pair.a}, {pair.b}</Title>
      <div className="kappa-line"><Text className="big-number num" data-testid="kappa">{pair.kappa.value === null ? '–' : figure(pair.kappa.value, 2)}</Text><div><Text fw={550}>{t(drawn ? 'labelling.kappaPresence' : 'labelling.kappa')}</Text><Text size="sm" c="dimmed" className="num">{pair.kappa.value === null ? t('labelling.noKappa') : pair.kappa.low === null ? t(pair.kappa.value > 0 ? 'labelling.noInterval' : 'labelling.noIntervalElse') : `${t('common.interval95')} ${interval(pair.kappa.low, pair.kappa.high, 2)}`}</Text></div></div>
      {pair.boxes && (
        <dl className="definition" style={{ marginTop: 14, maxWidth: 640 }}>
          <dt>{t('labelling.matched')}</dt><dd className="num">{t('labelling.matchedText', { matched: pair.boxes.matched, a: pair.boxes.only_a, b: pair.boxes.only_b, first: pair.a, second: pair.b })}</dd>
          <dt>{t('labelling.boxF1')}</dt><dd className="num">{figure(pair.boxes.f1, 2)}</dd>
          <dt>{t('labelling.meanIou')}</dt><dd className="num"><Mean mean={pair.boxes.iou} /></dd>
        </dl>
      )}
      {pair.dice && <dl className="definition" style={{ marginTop: 14, maxWidth: 640 }}><dt>{t('labelling.meanDice')}</dt><dd className="num" data-testid="dice"><Mean mean={pair.dice} />, {t('labelling.cases', { count: pair.dice.n })}</dd></dl>}
      <dl className="definition" style={{ marginTop: 14, maxWidth: 560 }}>
        <dt>{t('labelling.raw')}</dt><dd className="num">{pair.raw.value === null ? '–' : `${percent(pair.raw.value)} (${t('common.interval95')} ${percent(pair.raw.low)}–${percent(pair.raw.high)}), ${pair.raw.agreed} / ${pair.cases}`}</dd>
        {ordered && pair.kappa_linear && <><dt>{t('labelling.linear')}</dt><dd className="num"><Figure kappa={pair.kappa_linear} /></dd></>}
        {ordered && pair.kappa_quadratic && <><dt>{t('labelling.quadratic')}</dt><dd className="num"><Figure kappa={pair.kappa_quadratic} /></dd></>}
        {pair.cannot_tell > 0 && pair.kappa_with_cannot_tell && <><dt>{t('labelling.withCannotTell')}</dt><dd className="num"><Figure kappa={pair.kappa_with_cannot_tell} />, {t('labelling.unsureCases', { n: pair.cannot_tell })}</dd></>}
      </dl>
      <Group align="flex-start" gap="xl" mt="md">
        <Box className="scroll-x" tabIndex={0} role="region" aria-label={t('labelling.table')}>
          <table className="agreement-table">
            <caption className="visually-hidden">{t('labelling.tableText', { a: pair.a, b: pair.b })}</caption>
            <thead><tr><th scope="col">{pair.a} ↓ · {pair.b} →</th>{classes.map((name) => <th key={name} scope="col">{name}</th>)}</tr></thead>
            <tbody>{pair.table.map((row, i) => <tr key={classes[i]}><th scope="row">{classes[i]}</th>{row.map((value, j) => <td key={classes[j]} data-same={i === j} className="num" style={{ '--weight': `${Math.round((value / most) * 42)}%` } as React.CSSProperties}>{value}</td>)}</tr>)}</tbody>
          </table>
        </Box>
        <Box className="scroll-x" tabIndex={0} role="region" aria-label={t('labelling.byClass')} flex="1 1 340px">
          <Table miw={320}>
            <Table.Thead><Table.Tr><Table.Th>{t('labelling.class')}</Table.Th><Table.Th ta="right">{t('labelling.specific')}</Table.Th><Table.Th ta="right">{t('labelling.kappaShort')}</Table.Th>{pair.dice && <Table.Th ta="right">Dice</Table.Th>}</Table.Tr></Table.Thead>
            <Table.Tbody>{pair.classes.map((one) => <Table.Tr key={one.class}><Table.Td className="break">{one.class}</Table.Td><Table.Td ta="right" className="num">{percent(one.agreement)}</Table.Td><Table.Td ta="right" className="num"><Figure kappa={one.kappa} /></Table.Td>{one.dice && <Table.Td ta="right" className="num"><Mean mean={one.dice} /></Table.Td>}</Table.Tr>)}</Table.Tbody>
          </Table>
        </Box>
      </Group>
    </Paper>
  );
}

function Figure({ kappa }: { kappa: KappaFigure }) {
  return <>{kappa.value === null ? '–' : kappa.low === null ? figure(kappa.value, 2) : `${figure(kappa.value, 2)} (${interval(kappa.low, kappa.high, 2)})`}</>;
}

function Mean({ mean }: { mean: MeanFigure }) {
  return <>{mean.mean === null ? '–' : mean.low === null ? figure(mean.mean, 2) : `${figure(mean.mean, 2)} (${interval(mean.low, mean.high, 2)})`}</>;
}
