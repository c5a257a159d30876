// What readers draw on a series: a finding for each box, outline or whole image, with author, time and history. It can become labels of a data set.
import { Autocomplete, Badge, Button, Group, Paper, Stack, Text, Textarea, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/endpoints';
import type { Mark } from '../../api/types';
import { useSession } from '../../app/session';
import { ask } from '../../components/confirm';
import { ErrorState, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime } from '../../lib/format';
import { pixelsOf, type Shape } from '../../lib/marks';
import type { Frame } from '../../lib/stack';

// A mark that is not kept yet; id: of the one that it revises.
export interface Draft extends Shape { id: string | null; sop: string; frame: number; finding: string; comment: string }
interface Props { study: string; frames: Frame[]; marks: Mark[]; withheld: number; draft: Draft | null; setDraft: (draft: Draft | null) => void; show: (mark: Mark) => void; whole: () => void; error: Error | null; retry: () => void }

const micro = (us: number) => new Date(us / 1000).toISOString();

export function MarksPanel({ study, frames, marks, withheld, draft, setDraft, show, whole, error, retry }: Props) {
  const { t } = useI18n();
  const { can } = useSession();
  const client = useQueryClient();
  const mayDraw = can('feedback:write');
  const refresh = () => { for (const key of [['marks', study], ['findings']]) void client.invalidateQueries({ queryKey: key }); };
  const withdraw = useMutation({ mutationFn: (mark: Mark) => api.withdrawMark(study, mark.id), onSuccess: () => { notice(t('marks.withdrawn')); refresh(); }, onError: (why) => noticeError(why, t) });
  const place = (one: { instance: string; frame: number }) => frames.findIndex((frame) => frame.sop === one.instance && frame.frame === one.frame) + 1;
  return (
    <Paper p="md" component="section" aria-labelledby="marks-title" className="marks-panel">
      <Group justify="space-between" mb="xs" gap="xs">
        <Title order={2} id="marks-title">{t('marks.title')}</Title>
        {mayDraw && <Button size="compact-sm" variant="default" onClick={whole}>{t('marks.whole')}</Button>}
      </Group>
      {mayDraw && !draft && marks.length === 0 && <Text size="sm" c="dimmed">{t('marks.help')}</Text>}
      {error && <ErrorState error={error} retry={retry} />}
      {draft && <DraftForm key={`${draft.id ?? 'new'}/${draft.sop}/${draft.frame}`} study={study} draft={draft} setDraft={setDraft} done={refresh} image={place({ instance: draft.sop, frame: draft.frame })} total={frames.length} />}
      {withheld > 0 && <Text size="sm" mb={6}>{t('marks.withheld', { count: withheld })}</Text>}
      {marks.length > 0 && (
        <ul className="marks-list">{marks.map((mark) => (
          <li key={mark.id} data-testid="mark">
            <One mark={mark} study={study} image={place(mark)} total={frames.length} show={() => show(mark)} revise={mayDraw && mark.mine ? () => { show(mark); setDraft({ id: mark.id, sop: mark.instance, frame: mark.frame, box: mark.box, runs: mark.runs, finding: mark.finding, comment: mark.comment }); } : undefined}
              withdraw={mayDraw && mark.mine ? () => ask({ title: t('marks.withdrawTitle'), text: t('marks.withdrawText', { finding: mark.finding }), confirm: t('marks.withdraw'), cancel: t('common.cancel'), danger: true, onConfirm: () => withdraw.mutate(mark) }) : undefined} />
          </li>
        ))}</ul>
      )}
      {!mayDraw && marks.length === 0 && !error && <Text size="sm" c="dimmed">{t('marks.none')}</Text>}
    </Paper>
  );
}

function useShapeWords() {
  const { t } = useI18n();
  return (shape: Shape) => {
    if (shape.box) return t('marks.box', { width: shape.box[2] - shape.box[0], height: shape.box[3] - shape.box[1] });
    return shape.runs ? t('marks.outline', { pixels: pixelsOf(shape.runs) }) : t('marks.ofWhole');
  };
}

function DraftForm({ study, draft, setDraft, done, image, total }: { study: string; draft: Draft; setDraft: (draft: Draft | null) => void; done: () => void; image: number; total: number }) {
  const { t } = useI18n();
  const words = useShapeWords();
  const [touched, setTouched] = useState(false);
  const known = useQuery({ queryKey: ['findings'], queryFn: ({ signal }) => api.findings(signal) });
  const save = useMutation({
    mutationFn: () => {
      const body = { finding: draft.finding.trim(), comment: draft.comment.trim(), box: draft.box, runs: draft.runs };
      return draft.id ? api.reviseMark(study, draft.id, body) : api.addMark(study, { instance: draft.sop, frame: draft.frame, ...body });
    },
    onSuccess: () => { notice(t('marks.saved')); setDraft(null); done(); },
  });
  return (
    <form noValidate onSubmit={(event) => { event.preventDefault(); setTouched(true); if (draft.finding.trim()) save.mutate(); }} aria-label={t(draft.id ? 'marks.revising' : 'marks.new')}>
      <Stack gap={8} mb="sm">
        <Text size="sm" role="status">{[words(draft), total > 1 ? t('stack.image', { n: image, total }) : '', draft.id ? t('marks.redraw') : ''].filter(Boolean).join(' · ')}</Text>
        <Autocomplete size="sm" label={t('marks.finding')} data-autofocus autoFocus maxLength={64} data={known.data?.findings ?? []} value={draft.finding} onChange={(finding) => setDraft({ ...draft, finding })} error={touched && !draft.finding.trim() && t('signIn.required')} />
        <Textarea size="sm" label={t('verdict.comment')} description={t('verdict.commentHelp')} maxLength={4000} autosize minRows={1} value={draft.comment} onChange={(event) => setDraft({ ...draft, comment: event.currentTarget.value })} />
        {save.error && <ErrorState error={save.error} />}
        <Group gap={6}><Button type="submit" size="compact-sm" loading={save.isPending}>{t('marks.save')}</Button><Button size="compact-sm" variant="subtle" color="gray" onClick={() => setDraft(null)}>{t('marks.discard')}</Button></Group>
      </Stack>
    </form>
  );
}

function One({ mark, study, image, total, show, revise, withdraw }: { mark: Mark; study: string; image: number; total: number; show: () => void; revise?: () => void; withdraw?: () => void }) {
  const { t, language } = useI18n();
  const words = useShapeWords();
  const [open, setOpen] = useState(false);
  const history = useQuery({ queryKey: ['mark-history', study, mark.id, mark.revision], queryFn: ({ signal }) => api.markHistory(study, mark.id, signal), enabled: open });
  const named = `${mark.finding}, ${mark.by}`;
  return (
    <Stack gap={2}>
      <Group gap={8}><Text size="sm" fw={600} className="break">{mark.finding}</Text>{mark.after_ai && <Badge color="indigo" size="sm">{t('marks.afterAi')}</Badge>}{mark.after_others && <Badge color="gray" size="sm">{t('marks.afterOthers')}</Badge>}</Group>
      <Text size="xs" c="dimmed">{[words(mark), total > 1 && image > 0 ? t('stack.image', { n: image, total }) : '', `${mark.by}, ${dateTime(micro(mark.updated_us), language)}`, mark.revision > 1 ? t('marks.revision', { n: mark.revision }) : ''].filter(Boolean).join(' · ')}</Text>
      {mark.comment && <Text size="xs" className="break">{mark.comment}</Text>}
      <Group gap={4}>
        {image > 0 && <Button size="compact-xs" variant="default" aria-label={`${t('marks.show')}: ${named}`} onClick={show}>{t('marks.show')}</Button>}
        {revise && <Button size="compact-xs" variant="default" aria-label={`${t('marks.revise')}: ${named}`} onClick={revise}>{t('marks.revise')}</Button>}
        {withdraw && <Button size="compact-xs" variant="default" aria-label={`${t('marks.withdraw')}: ${named}`} onClick={withdraw}>{t('marks.withdraw')}</Button>}
        {mark.revision > 1 && <Button size="compact-xs" variant="subtle" color="gray" aria-expanded={open} aria-label={`${t('marks.history')}: ${named}`} onClick={() => setOpen(!open)}>{t('marks.history')}</Button>}
      </Group>
      {open && history.error && <ErrorState error={history.error} />}
      {open && history.data && <ol className="marks-history">{history.data.items.slice(1).map((one) => <li key={one.revision}><Text size="xs" c="dimmed">{[t('marks.revision', { n: one.revision }), one.finding, words(one), dateTime(micro(one.updated_us), language), one.comment].filter(Boolean).join(' · ')}</Text></li>)}</ol>}
    </Stack>
  );
}
