// Boxes and outlines that people drew, over a frame; lines keep their width on the screen.
import { useMemo } from 'react';
import { edgesOf } from '../../lib/marks';
import type { Box } from '../../lib/drawing';
import type { Placement, Point } from '../../lib/measure';

export interface DrawnMark { id: string; sop: string; frame: number; finding: string; box: Box | null; runs: number[] | null; draft: boolean }
interface Props { marks: DrawnMark[]; trace: Point[] | null; placement: Placement; size: { width: number; height: number } }

export function DrawnMarks({ marks, trace, placement: p, size }: Props) {
  const transform = `translate(${p.x - (p.columns / 2) * p.scale} ${p.y - (p.rows / 2) * p.scale * p.aspect}) scale(${p.scale} ${p.scale * p.aspect})`;
  return (
    <svg className="marks drawn-marks" width={size.width} height={size.height} aria-hidden="true">
      <g transform={transform}>
        {marks.map((mark) => <Shape key={mark.id} mark={mark} columns={p.columns} />)}
        {trace && <polyline className="draft" points={trace.map((point) => `${point.x},${point.y}`).join(' ')} vectorEffect="non-scaling-stroke" />}
      </g>
      {marks.map((mark) => <Name key={mark.id} mark={mark} p={p} size={size} />)}
    </svg>
  );
}

function Shape({ mark, columns }: { mark: DrawnMark; columns: number }) {
  const edges = useMemo(() => (mark.runs ? edgesOf(mark.runs, columns) : null), [mark.runs, columns]);
  const name = mark.draft ? 'draft' : undefined;
  if (mark.box) return <rect className={name} data-mark={mark.finding} x={mark.box[0]} y={mark.box[1]} width={mark.box[2] - mark.box[0]} height={mark.box[3] - mark.box[1]} vectorEffect="non-scaling-stroke" />;
  if (!edges) return null;
  return <path className={name} data-mark={mark.finding} d={edges.path} transform={`translate(${edges.bounds.left} ${edges.bounds.top})`} vectorEffect="non-scaling-stroke" />;
}

function Name({ mark, p, size }: { mark: DrawnMark; p: Placement; size: Props['size'] }) {
  const at = useMemo(() => {
    if (mark.box) return { x: mark.box[2], y: mark.box[1] };
    const bounds = mark.runs ? edgesOf(mark.runs, p.columns)?.bounds : null;
    return bounds ? { x: bounds.left + bounds.width, y: bounds.top } : null;
  }, [mark.box, mark.runs, p.columns]);
  if (!at || !mark.finding) return null;
  const x = p.x + (at.x - p.columns / 2) * p.scale + 6;
  const y = p.y + (at.y - p.rows / 2) * p.scale * p.aspect + 4;
  return <text x={Math.max(4, Math.min(x, size.width - 120))} y={Math.max(14, Math.min(y, size.height - 6))}>{mark.finding}</text>;
}
