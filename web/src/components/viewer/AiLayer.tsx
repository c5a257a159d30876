// Graphics of presentation states over a frame, in one colour of their own; the same words for those who cannot see them.
import { VisuallyHidden } from '@mantine/core';
import { toScreen, type Placement } from '../../lib/measure';
import { outline, type Annotation } from '../../lib/overlay';

interface Props { annotation: Annotation; placement: Placement; size: { width: number; height: number } }

export function AiLayer({ annotation, placement, size }: Props) {
  return (
    <>
      <svg className="marks ai-marks" width={size.width} height={size.height} aria-hidden="true" data-testid="ai-marks">
        {annotation.graphics.map((graphic, n) => {
          const points = outline(graphic).map((point) => toScreen(placement, point));
          const [only] = points;
          return graphic.kind === 'point' && only ? <circle key={n} cx={only.x} cy={only.y} r={5} /> : <polyline key={n} points={points.map((point) => `${point.x},${point.y}`).join(' ')} />;
        })}
        {annotation.words.map((word, n) => { const at = toScreen(placement, word.at); return <text key={n} x={Math.min(Math.max(8, at.x + 8), Math.max(8, size.width - 260))} y={at.y - 8}>{word.text}</text>; })}
      </svg>
      <VisuallyHidden role="status" data-testid="ai-words">{annotation.words.map((word) => word.text).join('. ')}</VisuallyHidden>
    </>
  );
}
