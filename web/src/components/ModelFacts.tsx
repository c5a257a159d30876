// Which model speaks, in which version and for what: above every prediction, always in sight.
import { Group, Paper, Text } from '@mantine/core';
import type { Stage } from '../api/types';
import { useI18n } from '../i18n';
import { Hash, ResearchBadge, StageBadge } from './bits';

interface Props { name: string; version: number; stage?: Stage; hash?: string; intendedUse?: string; engine?: string }

export function ModelFacts({ name, version, stage, hash, intendedUse, engine }: Props) {
  const { t } = useI18n();
  return (
    <Paper className="model-facts" component="section" aria-label={t('common.model')}>
      <Group gap={8} wrap="nowrap" className="model-facts-name">
        <Text span fw={600} className="break" data-testid="model-name">{name}</Text>
        <Text span c="dimmed" className="nowrap">{t('models.version', { n: version })}</Text>
        {stage && <StageBadge stage={stage} />}
      </Group>
      <Group gap={6} wrap="nowrap"><Text span size="sm" c="dimmed">{t('diagnose.hash')}</Text><Hash value={hash} /></Group>
      <Text size="sm" className="model-facts-use" title={intendedUse}><Text span inherit c="dimmed">{t('diagnose.intendedUse')}: </Text>{intendedUse || t('common.unknown')}{engine && <Text span inherit c="dimmed"> · {engine}</Text>}</Text>
      <ResearchBadge />
    </Paper>
  );
}
