// What a search over training settings tried, the best first.
import { Badge, Paper, Table, Text } from '@mantine/core';
import type { Trial } from '../api/types';
import { useI18n } from '../i18n';
import { figure } from '../lib/format';
import { trialFate, trialValues } from '../lib/trials';

export function TrialsTable({ trials, running }: { trials: Trial[]; running?: number }) {
  const { t } = useI18n();
  const keys = [...new Set(trials.flatMap((trial) => Object.keys(trial.values)))];
  const metric = trials[0]?.metric ?? '';
  return (
    <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('trials.title')}>
      <Table miw={560}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('trials.rank')}</Table.Th><Table.Th>{t('trials.trial')}</Table.Th><Table.Th className="mono">{metric || t('trials.figure')}</Table.Th><Table.Th>{t('training.epochs')}</Table.Th><Table.Th>{t('common.state')}</Table.Th>
            {keys.map((key) => <Table.Th key={key} className="mono">{key}</Table.Th>)}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {trials.map((trial, index) => (
            <Table.Tr key={trial.trial}>
              <Table.Td className="num">{index + 1}</Table.Td>
              <Table.Td className="num">{trial.trial}{index === 0 && trial.state !== 'failed' && <Badge ml={8} variant="light">{t('trials.best')}</Badge>}{trial.trial === running && <Badge ml={8} variant="light" color="blue">{t('training.states.running')}</Badge>}</Table.Td>
              <Table.Td className="num">{typeof trial.figure === 'number' ? figure(trial.figure, 4) : '–'}</Table.Td>
              <Table.Td className="num">{trial.epochs}</Table.Td>
              <Table.Td>{trialFate(trial, t)}{trial.error && <Text size="xs" c="dimmed" className="break">{trial.error}</Text>}</Table.Td>
              {keys.map((key) => <Table.Td key={key} className="num mono">{trialValues(trial, key)}</Table.Td>)}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}
