// A procedure step entered by hand.
import { Button, Fieldset, Group, Modal, Select, SimpleGrid, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/endpoints';
import { ErrorState, notice } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { modalityCodes } from '../studies/patient';
import { noWords, today, toStep, type StepWords } from './steps';

export function StepForm({ opened, close, done }: { opened: boolean; close: () => void; done: (date: string) => void }) {
  const { t } = useI18n();
  return <Modal opened={opened} onClose={close} size="lg" title={t('scheduling.form.title')} closeButtonProps={{ 'aria-label': t('common.close') }}>{opened && <Form close={close} done={done} />}</Modal>;
}

function Form({ close, done }: { close: () => void; done: (date: string) => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [words, setWords] = useState<StepWords>({ ...noWords, date: today() });
  const [touched, setTouched] = useState(false);
  const set = (next: Partial<StepWords>) => setWords((before) => ({ ...before, ...next }));
  const save = useMutation({
    mutationFn: () => api.schedule(toStep(words)),
    onSuccess: async () => { notice(t('scheduling.form.saved')); await client.invalidateQueries({ queryKey: ['steps', 'scheduled'] }); done(words.date); close(); },
  });
  const missing = (value: string) => touched && !value.trim() && t('signIn.required');
  const field = (name: keyof StepWords, maxLength: number) => ({ value: words[name], maxLength, autoComplete: 'off', spellCheck: false, onChange: (event: { currentTarget: HTMLInputElement }) => set({ [name]: event.currentTarget.value }) });
  function submit(event: FormEvent) {
    event.preventDefault();
    setTouched(true);
    if ((words.family.trim() || words.given.trim() || words.characters.trim()) && words.patientId.trim() && words.modality && words.date) save.mutate();
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Fieldset legend={t('scheduling.form.patient')}>
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" verticalSpacing="xs">
            <TextInput label={t('scheduling.form.family')} data-autofocus {...field('family', 64)} error={!words.given.trim() && !words.characters.trim() && missing(words.family)} />
            <TextInput label={t('scheduling.form.given')} {...field('given', 64)} />
            <TextInput label={t('scheduling.form.characters')} description={t('scheduling.form.charactersHelp')} inputWrapperOrder={['label', 'input', 'description', 'error']} {...field('characters', 64)} />
            <TextInput label={t('scheduling.form.id')} {...field('patientId', 64)} error={missing(words.patientId)} />
            <TextInput label={t('scheduling.form.birth')} type="date" {...field('birth', 10)} />
            <Select label={t('scheduling.form.sex')} clearable placeholder={t('scheduling.form.notGiven')} data={(['F', 'M', 'O'] as const).map((sex) => ({ value: sex, label: t(`studies.sexes.${sex}`) }))} value={words.sex || null} onChange={(value) => set({ sex: value ?? '' })} />
          </SimpleGrid>
        </Fieldset>
        <Fieldset legend={t('scheduling.form.what')}>
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" verticalSpacing="xs">
            <Select label={t('studies.modality')} searchable data={modalityCodes} value={words.modality || null} onChange={(value) => set({ modality: value ?? '' })} error={missing(words.modality)} />
            <TextInput label={t('scheduling.station')} description={t('scheduling.form.stationHelp')} inputWrapperOrder={['label', 'input', 'description', 'error']} {...field('station', 16)} />
            <TextInput label={t('scheduling.date')} type="date" {...field('date', 10)} error={missing(words.date)} />
            <TextInput label={t('scheduling.form.time')} type="time" {...field('time', 5)} />
            <TextInput label={t('scheduling.procedure')} {...field('procedure', 64)} />
            <TextInput label={t('scheduling.form.description')} {...field('description', 64)} />
            <TextInput label={t('scheduling.form.accession')} {...field('accession', 16)} />
            <TextInput label={t('scheduling.form.procedureId')} {...field('procedureId', 16)} />
            <TextInput label={t('scheduling.form.referring')} {...field('referring', 64)} />
            <TextInput label={t('scheduling.form.physician')} {...field('physician', 64)} />
            <TextInput label={t('scheduling.form.location')} {...field('location', 16)} />
          </SimpleGrid>
        </Fieldset>
        {save.error && <ErrorState error={save.error} />}
        <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button type="submit" loading={save.isPending}>{t('scheduling.form.save')}</Button></Group>
      </Stack>
    </form>
  );
}
