// What modalities are to do (modality worklist) and what they report to have done (MPPS; PS3.4 Annexes K and F).
import { Box, Button, Group, Paper, Select, Tabs, TextInput } from '@mantine/core';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { useKept } from '../../app/kept';
import { useSession } from '../../app/session';
import { PageHead } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { modalityCodes } from '../studies/patient';
import { PerformedTab } from './PerformedTab';
import { ScheduledTab } from './ScheduledTab';
import { StepForm } from './StepForm';
import { performedStates, scheduledStates, today, type StepSearch } from './steps';

type Tab = 'scheduled' | 'performed';

export default function SchedulingPage() {
  const { t } = useI18n();
  const { can } = useSession();
  const [tab, setTab] = useState<Tab>(window.location.hash === '#performed' ? 'performed' : 'scheduled');
  const [search, change] = useKept<StepSearch>('steps-search', { date: today(), modality: '', station: '', state: '' });
  const [adding, setAdding] = useState(false);
  const states = tab === 'scheduled' ? scheduledStates : performedStates;
  const set = (next: Partial<StepSearch>) => change((before) => ({ ...before, ...next }));
  const narrowed = search.date !== '' || search.modality !== '' || search.station.trim() !== '' || search.state !== '';
  const show = (next: Tab) => { setTab(next); set({ state: '' }); window.history.replaceState(null, '', next === 'performed' ? '#performed' : window.location.pathname); };
  return (
    <Box className="page">
      <PageHead title={t('scheduling.title')} text={t('scheduling.text')}>{can('archive:write') && <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setAdding(true)}>{t('scheduling.add')}</Button>}</PageHead>
      <Tabs value={tab} onChange={(value) => show(value as Tab)} keepMounted={false}>
        <Tabs.List mb="md"><Tabs.Tab value="scheduled">{t('scheduling.scheduled')}</Tabs.Tab><Tabs.Tab value="performed">{t('scheduling.performed')}</Tabs.Tab></Tabs.List>
        <Paper p="md" mb="md" component="search" aria-label={t('scheduling.search')}>
          <Group align="flex-end" gap="sm">
            <TextInput label={t('scheduling.date')} type="date" w={160} value={search.date} onChange={(event) => set({ date: event.currentTarget.value })} />
            <Select label={t('studies.modality')} w={120} clearable searchable placeholder={t('scheduling.any')} data={modalityCodes} value={search.modality || null} onChange={(value) => set({ modality: value ?? '' })} />
            <TextInput label={t('scheduling.station')} w={180} maxLength={16} autoComplete="off" spellCheck={false} value={search.station} onChange={(event) => set({ station: event.currentTarget.value })} />
            <Select label={t('common.state')} w={160} clearable placeholder={t('scheduling.any')} data={states.map((state) => ({ value: state, label: t(`scheduling.states.${state}`) }))} value={search.state || null} onChange={(value) => set({ state: value ?? '' })} />
            <Button variant="default" onClick={() => set({ date: today() })} disabled={search.date === today()}>{t('scheduling.today')}</Button>
            {narrowed && <Button variant="subtle" onClick={() => set({ date: '', modality: '', station: '', state: '' })}>{t('common.clear')}</Button>}
          </Group>
        </Paper>
        <Tabs.Panel value="scheduled"><ScheduledTab search={search} narrowed={narrowed} /></Tabs.Panel>
        <Tabs.Panel value="performed"><PerformedTab search={search} narrowed={narrowed} /></Tabs.Panel>
      </Tabs>
      <StepForm opened={adding} close={() => setAdding(false)} done={(date) => { show('scheduled'); set({ date, modality: '', station: '', state: '' }); }} />
    </Box>
  );
}
