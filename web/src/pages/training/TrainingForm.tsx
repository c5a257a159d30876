// The settings of a training, with the defaults that a first run should use.
import { Alert, Box, Button, Collapse, Group, NumberInput, Select, SimpleGrid, Stack, Switch, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ChevronDown } from 'lucide-react';
import { useState } from 'react';
import { acceptedJobId, api } from '../../api/endpoints';
import type { TrainingConfig } from '../../api/types';
import { ErrorState, notice } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { namePattern } from '../../lib/datasets';
import { defaultTraining, takeTraining } from '../../lib/jobs';

export function TrainingForm({ dataset: asked, onStarted }: { dataset?: string; onStarted: (id: string) => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [kept] = useState(takeTraining);
  const [dataset, setDataset] = useState<string | null>(kept?.dataset || asked || null);
  const [name, setName] = useState(kept?.name ?? '');
  const [config, setConfig] = useState<TrainingConfig>(kept?.config ?? defaultTraining);
  const [search, setSearch] = useState({ on: false, trials: 9, low: 0.0001, high: 0.01 });
  const searchWrong = search.on && !(search.low > 0 && search.low < search.high);
  const [touched, setTouched] = useState(false);
  const [more, { toggle }] = useDisclosure(kept !== null);
  const datasets = useQuery({ queryKey: ['datasets'], queryFn: api.datasets });
  const architectures = useQuery({ queryKey: ['architectures'], queryFn: api.architectures });
  const names = (architectures.data?.items ?? []).map((item) => (typeof item === 'string' ? { name: item, description: '' } : { name: item.name, description: item.description ?? item.title ?? '' }));
  const start = useMutation({
    mutationFn: () => api.train(name.trim(), dataset ?? '', search.on ? { ...config, search: { trials: search.trials, parameters: { learning_rate: { log_uniform: [search.low, search.high] } } } } : config),
    onSuccess: (answer) => {
      notice(t('training.started'));
      void client.invalidateQueries({ queryKey: ['jobs'] });
      const id = acceptedJobId(answer);
      if (id) onStarted(id);
    },
  });
  const set = <K extends keyof TrainingConfig>(key: K, value: TrainingConfig[K]) => setConfig((c) => ({ ...c, [key]: value }));
  const whole = (key: 'epochs' | 'batch' | 'seed' | 'patience' | 'image_size', label: string, min: number, max: number, description?: string) => (
    <NumberInput label={label} description={description} value={config[key]} min={min} max={max} allowDecimal={false} clampBehavior="strict" onChange={(value) => set(key, typeof value === 'number' ? value : min)} />
  );
  function submit() {
    setTouched(true);
    if (!searchWrong && dataset && namePattern.test(name.trim())) start.mutate();
  }
  return (
    <form onSubmit={(event) => { event.preventDefault(); submit(); }} noValidate>
      <Stack>
        {datasets.error && <ErrorState error={datasets.error} />}
        {datasets.data?.items.length === 0 && <Alert color="yellow">{t('training.noDatasets')}</Alert>}
        <Select label={t('training.dataset')} data={(datasets.data?.items ?? []).map((item) => item.name)} value={dataset} onChange={setDataset} searchable error={touched && !dataset && t('signIn.required')} />
        <TextInput label={t('training.modelName')} description={t('import.nameHelp')} value={name} onChange={(event) => setName(event.currentTarget.value)} error={touched && !namePattern.test(name.trim()) && t('import.nameRule')} />
        <Select label={t('training.architecture')} description={names.find((item) => item.name === config.architecture)?.description || undefined} data={names.length > 0 ? names.map((item) => item.name) : [config.architecture]} value={config.architecture} onChange={(value) => { if (value) set('architecture', value); }} />
        <SimpleGrid cols={{ base: 1, xs: 3 }}>
          {whole('epochs', t('training.epochs'), 1, 10_000)}
          {whole('batch', t('training.batch'), 1, 4096)}
          <NumberInput label={t('training.learningRate')} value={config.learning_rate} min={1e-6} max={1} step={0.0005} decimalScale={6} onChange={(value) => set('learning_rate', typeof value === 'number' ? value : 0.001)} />
        </SimpleGrid>
        <Box><Button variant="subtle" color="gray" px="xs" rightSection={<ChevronDown size={15} aria-hidden />} aria-expanded={more} onClick={toggle}>{t('training.advanced')}</Button></Box>
        <Collapse in={more}>
          <Stack>
            <SimpleGrid cols={{ base: 1, xs: 3 }}>
              {whole('seed', t('training.seed'), 0, 2 ** 53 - 1)}
              {whole('patience', t('training.patience'), 0, 10_000)}
              {whole('image_size', t('training.imageSize'), 0, 4096)}
            </SimpleGrid>
            <Box fz="sm" c="dimmed">{t('training.patienceHelp')}. {t('training.imageSizeHelp')}.</Box>
            <Switch label={t('trials.search')} description={t('trials.searchHelp')} checked={search.on} onChange={(event) => { const on = event.currentTarget.checked; setSearch((s) => ({ ...s, on })); }} />
            {search.on && (
              <SimpleGrid cols={{ base: 1, xs: 3 }}>
                <NumberInput label={t('trials.count')} value={search.trials} min={2} max={200} allowDecimal={false} clampBehavior="strict" onChange={(value) => setSearch((s) => ({ ...s, trials: typeof value === 'number' ? value : 9 }))} />
                <NumberInput label={t('trials.rateFrom')} value={search.low} min={1e-6} max={1} step={0.0001} decimalScale={7} onChange={(value) => setSearch((s) => ({ ...s, low: typeof value === 'number' ? value : 0 }))} />
                <NumberInput label={t('trials.rateTo')} value={search.high} min={1e-6} max={1} step={0.001} decimalScale={7} error={touched && searchWrong && t('trials.rateRule')} onChange={(value) => setSearch((s) => ({ ...s, high: typeof value === 'number' ? value : 0 }))} />
              </SimpleGrid>
            )}
            <Switch label={t('training.flip')} checked={config.flip} onChange={(event) => set('flip', event.currentTarget.checked)} />
          </Stack>
        </Collapse>
        {start.error && <ErrorState error={start.error} />}
        <Group justify="flex-end"><Button type="submit" loading={start.isPending}>{t('training.start')}</Button></Group>
      </Stack>
    </form>
  );
}
