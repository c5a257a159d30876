// Rulers and regions over a frame, with what they measure; the same words for those who cannot see the lines.
import { VisuallyHidden } from '@mantine/core';
import { useI18n } from '../../i18n';
import { angle, length, statistics, toScreen, type Measurement, type Placement } from '../../lib/measure';
import type { Frame } from '../../lib/stack';

interface Props { marks: Measurement[]; frame: Frame; samples: ArrayLike<number> | null; placement: Placement; size: { width: number; height: number } }
const short = (value: number) => (Math.abs(value) >= 100 || Number.isInteger(value) ? Math.round(value).toString() : value.toFixed(1));

export function MarkLayer({ marks, frame, samples, placement, size }: Props) {
  const { t } = useI18n();
  const described = marks.map((mark) => ({ mark, lines: words(mark) }));
  function words(mark: Measurement): string[] {
    if (mark.kind === 'ruler') { const { value, unit } = length(frame, mark.a, mark.b); return [`${value.toFixed(1)} ${unit}`]; }
    if (mark.kind === 'angle') return mark.c ? [`${angle(frame, mark.a, mark.b, mark.c).toFixed(1)}°`] : [];
    const found = samples ? statistics(frame, samples, mark.a, mark.b) : null;
    if (!found) return [t('stack.noValues')];
    const unit = frame.unit ? ` ${frame.unit}` : '';
    return [t('stack.mean', { mean: short(found.mean) + unit, sd: short(found.sd) }), t('stack.range', { min: short(found.min), max: short(found.max) }), `${found.area.toFixed(found.area < 100 ? 1 : 0)} ${found.areaUnit}`];
  }
  return (
    <>
      <svg className="marks" width={size.width} height={size.height} aria-hidden="true">
        {described.map(({ mark, lines }) => {
          const [a, b] = [toScreen(placement, mark.a), toScreen(placement, mark.b)];
          const right = Math.max(a.x, b.x);
          return (
            <g key={mark.id}>
              {mark.kind === 'angle' && mark.c && <line x1={b.x} y1={b.y} x2={toScreen(placement, mark.c).x} y2={toScreen(placement, mark.c).y} />}
              {mark.kind !== 'region' ? <line x1={a.x} y1={a.y} x2={b.x} y2={b.y} /> : <ellipse cx={(a.x + b.x) / 2} cy={(a.y + b.y) / 2} rx={Math.abs(b.x - a.x) / 2} ry={Math.abs(b.y - a.y) / 2} />}
              {mark.kind !== 'region' && [a, b].map((end, n) => <circle key={n} cx={end.x} cy={end.y} r={3} />)}
              <text x={Math.min(right + 8, size.width - 130)} y={(a.y + b.y) / 2 - (lines.length - 1) * 8}>{lines.map((line, n) => <tspan key={line} x={Math.min(right + 8, size.width - 130)} dy={n === 0 ? 0 : 16}>{line}</tspan>)}</text>
            </g>
          );
        })}
      </svg>
      <VisuallyHidden role="status" data-testid="measurements">{described.map(({ mark, lines }) => `${t(`stack.${mark.kind}`)}: ${lines.join(', ')}`).join('. ')}</VisuallyHidden>
    </>
  );
}
