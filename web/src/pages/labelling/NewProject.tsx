import { Button, Checkbox, Group, Modal, NumberInput, Select, Stack, TagsInput, Textarea, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { api } from '../../api/endpoints';
import { labelling, type LabelTask } from '../../api/labelling';
import { ErrorState } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { namePattern } from '../../lib/datasets';

export function NewProject({ opened, close }: { opened: boolean; close: () => void }) {
  const { t } = useI18n();
  return <Modal opened={opened} onClose={close} title={t('labelling.new')} size="lg" closeButtonProps={{ 'aria-label': t('common.close') }}>{opened && <Form close={close} />}</Modal>;
}

function Form({ close }: { close: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const datasets = useQuery({ queryKey: ['datasets'], queryFn: api.datasets });
  const usable = (datasets.data?.items ?? []).filter((item) => (item.kind === 'image' || (item.kind === 'volume' && task === 'classes')) && (item.task ?? 'classes') === 'classes');
  const [name, setName] = useState('');
  const [dataset, setDataset] = useState<string | null>(null);
  const [task, setTask] = useState<LabelTask>('classes');
  const [classes, setClasses] = useState<string[]>([]);
  const [ordered, setOrdered] = useState(false);
  const [readers, setReaders] = useState<string[]>([]);
  const [adjudicator, setAdjudicator] = useState('');
  const [by, setBy] = useState('all');
  const [number, setNumber] = useState<number | string>(200);
  const [seed, setSeed] = useState<number | string>('');
  const [instructions, setInstructions] = useState('');
  const [touched, setTouched] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [sending, setSending] = useState(false);
  const good = namePattern.test(name) && dataset !== null && readers.length >= 2 && adjudicator.trim() !== '' && (task === 'classes' ? classes.length !== 1 : classes.length > 0);

  async function submit() {
    setTouched(true);
    if (!good || dataset === null) return;
    setSending(true);
    setError(null);
    try {
      const made = await labelling.create({
        name, dataset, task, readers, ...(task === 'classes' ? { ordered } : {}), adjudicator: adjudicator.trim(), ...(seed === '' ? {} : { seed: Number(seed) || 0 }), instructions: instructions.trim(), ...(classes.length > 0 ? { classes } : {}),
        ...(by === 'all' ? {} : by === 'random' ? { select: { by, count: Number(number) } } : { select: { by } }),
      });
      await client.invalidateQueries({ queryKey: ['labelling'] });
      close();
      navigate(`/labelling/${made.id}`);
    } catch (reason) {
      setError(reason);
    } finally {
      setSending(false);
    }
  }

  return (
    <Stack>
      <TextInput label={t('common.name')} description={t('import.nameHelp')} value={name} onChange={(event) => setName(event.currentTarget.value)} error={touched && !namePattern.test(name) && t('import.nameRule')} data-autofocus />
      <Select label={t('labelling.task')} value={task} onChange={(value) => { setTask((value ?? 'classes') as LabelTask); setClasses([]); }} data={(['classes', 'boxes', 'outlines'] as const).map((value) => ({ value, label: t(`labelling.tasks.${value}`) }))} />
      <Select label={t('labelling.dataset')} value={dataset} onChange={(value) => { setDataset(value); if (task === 'classes') setClasses(usable.find((item) => item.name === value)?.classes ?? []); }} data={usable.map((item) => item.name)} error={touched && dataset === null && t('signIn.required')} searchable />
      <TagsInput label={t('labelling.classes')} description={t(task === 'classes' ? 'labelling.classesHelp' : 'labelling.drawnClassesHelp')} value={classes} onChange={setClasses} error={touched && (task === 'classes' ? classes.length === 1 && t('labelling.twoClasses') : classes.length === 0 && t('labelling.oneClass'))} maxTags={50} />
      {task === 'classes' && <Checkbox label={t('labelling.ordered')} description={t('labelling.orderedHelp')} checked={ordered} onChange={(event) => setOrdered(event.currentTarget.checked)} />}
      <TagsInput label={t('labelling.readers')} description={t('labelling.readersHelp')} value={readers} onChange={setReaders} error={touched && readers.length < 2 && t('labelling.twoReaders')} maxTags={10} />
      <TextInput label={t('labelling.adjudicator')} description={t('labelling.adjudicatorHelp')} value={adjudicator} onChange={(event) => setAdjudicator(event.currentTarget.value)} error={touched && adjudicator.trim() === '' && t('signIn.required')} autoComplete="off" />
      <Group grow align="flex-start">
        <Select label={t('labelling.which')} value={by} onChange={(value) => setBy(value ?? 'all')} data={['all', 'unlabelled', 'random'].map((value) => ({ value, label: t(`labelling.select.${value as 'all' | 'unlabelled' | 'random'}`) }))} />
        {by === 'random' && <NumberInput label={t('labelling.number')} min={1} max={100000} value={number} onChange={setNumber} />}
        <NumberInput label={`${t('labelling.seed')} (${t('common.optional')})`} min={0} value={seed} onChange={setSeed} />
      </Group>
      <Textarea label={`${t('labelling.instructions')} (${t('common.optional')})`} autosize minRows={2} maxRows={6} maxLength={4000} value={instructions} onChange={(event) => setInstructions(event.currentTarget.value)} />
      {error !== null && <ErrorState error={error} />}
      <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button loading={sending} onClick={() => void submit()}>{t('labelling.create')}</Button></Group>
    </Stack>
  );
}
