// A probability on a line from 0 to 100 %: the threshold as a tick, what validation saw as a bracket.
import { Box, Text } from '@mantine/core';
import { useI18n } from '../i18n';
import { percent, probability as shown } from '../lib/format';
import './scale.css';

interface Props { probability: number; threshold: number | null; positive: boolean; observed?: { lower: number; upper: number } | null }
const at = (value: number) => `${Math.min(1, Math.max(0, value)) * 100}%`;

export function ProbabilityScale({ probability, threshold, positive, observed }: Props) {
  const { t } = useI18n();
  const side = threshold === null ? 'middle' : threshold > 0.8 ? 'end' : threshold < 0.2 ? 'start' : 'middle';
  return (
    <Box className="scale" role="img" aria-label={t('diagnose.chartLabel', { probability: shown(probability), threshold: threshold === null ? t('common.none') : percent(threshold) })} data-positive={positive}>
      {threshold !== null && <div className="scale-above">
        <Text component="span" className="scale-threshold-label num" data-side={side} style={{ left: at(threshold) }}>{t('diagnose.threshold')} {percent(threshold, 0)}</Text>
      </div>}
      <div className="scale-track">
        {threshold !== null && <div className="scale-zone" style={{ left: at(threshold) }} />}
        <div className="scale-fill" style={{ width: at(probability) }} />
        {threshold !== null && <div className="scale-threshold" style={{ left: at(threshold) }} />}
        <div className="scale-marker" style={{ left: at(probability) }} />
      </div>
      {observed && <div className="scale-observed"><div style={{ left: at(observed.lower), width: at(Math.max(0, observed.upper - observed.lower)) }} /></div>}
      <div className="scale-ticks num" aria-hidden="true">{[0, 25, 50, 75, 100].map((tick) => <span key={tick}>{tick}{tick === 100 ? '%' : ''}</span>)}</div>
    </Box>
  );
}

// Frequencies are read more reliably as a count of hundred than as a percentage (Gigerenzer and Edwards, BMJ 327:741, 2003).
export function IconArray({ hits, label }: { hits: number; label: string }) {
  return (
    <svg viewBox="0 0 206 46" className="icon-array" role="img" aria-label={label}>
      {Array.from({ length: 100 }, (_, index) => (
        <circle key={index} cx={(index % 25) * 8.2 + 4.5} cy={Math.floor(index / 25) * 11 + 6} r={3.1} className={index < hits ? 'dot-on' : 'dot-off'} />
      ))}
    </svg>
  );
}
