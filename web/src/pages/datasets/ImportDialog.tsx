// Upload with progress, then the node's own checking of the samples, then the dataset.
import '@mantine/dropzone/styles.css';
import { Alert, Button, Group, Loader, Modal, Progress, Stack, Text, TextInput } from '@mantine/core';
import { Dropzone } from '@mantine/dropzone';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, FileArchive } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { acceptedJobId, api } from '../../api/endpoints';
import { ErrorState } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { namePattern, proposeName } from '../../lib/datasets';
import { bytes } from '../../lib/format';

const maxBytes = 4 * 1024 ** 3;

export function ImportDialog({ opened, close }: { opened: boolean; close: () => void }) {
  const { t } = useI18n();
  return <Modal opened={opened} onClose={close} title={t('import.title')} size="lg" closeButtonProps={{ 'aria-label': t('common.close') }}>{opened && <ImportForm close={close} />}</Modal>;
}

function ImportForm({ close }: { close: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState('');
  const [classes, setClasses] = useState('');
  const [licence, setLicence] = useState('');
  const [labelSource, setLabelSource] = useState('');
  const [touched, setTouched] = useState(false);
  const [fraction, setFraction] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [jobId, setJobId] = useState<string | null>(null);
  const controller = useRef<AbortController | null>(null);
  useEffect(() => () => controller.current?.abort(), []);
  const job = useQuery({
    queryKey: ['job', jobId], queryFn: () => api.job(jobId ?? ''), enabled: jobId !== null,
    refetchInterval: (query) => (['queued', 'running'].includes(query.state.data?.state ?? 'queued') ? 1000 : false),
  });
  const state = job.data?.state;
  useEffect(() => { if (state === 'succeeded') void client.invalidateQueries({ queryKey: ['datasets'] }); }, [state, client]);

  async function submit() {
    setTouched(true);
    if (!file || !namePattern.test(name)) return;
    setError(null);
    setFraction(0);
    controller.current = new AbortController();
    try {
      const list = classes.split(/[,，]/).map((item) => item.trim()).filter(Boolean).join(',');
      const answer = await api.importDataset(file, { name, classes: list || undefined, licence: licence.trim() || undefined, label_source: labelSource.trim() || undefined }, { signal: controller.current.signal, onProgress: setFraction });
      setJobId(acceptedJobId(answer) ?? null);
      if (!acceptedJobId(answer)) { void client.invalidateQueries({ queryKey: ['datasets'] }); close(); }
    } catch (reason) {
      if (!(reason instanceof DOMException)) setError(reason);
    } finally {
      setFraction(null);
    }
  }

  if (jobId) {
    return (
      <Stack>
        {state === 'succeeded' && <Alert color="aceso" icon={<CircleCheck size={18} />}>{t('import.done', { name })}</Alert>}
        {(state === 'failed' || state === 'cancelled') && <Alert color="red" role="alert" icon={<CircleAlert size={18} />} title={t('import.failed')}><Text size="sm" className="break">{job.data?.error}</Text></Alert>}
        {job.error && <ErrorState error={job.error} retry={() => void job.refetch()} />}
        {(state === undefined || state === 'queued' || state === 'running') && !job.error && (
          <div role="status">
            <Group gap="sm" mb="sm"><Loader size="sm" /><Text size="sm">{t('import.working')}</Text></Group>
            <Progress value={job.data?.progress?.total ? ((job.data.progress.done ?? 0) / job.data.progress.total) * 100 : 100} animated={!job.data?.progress?.total} aria-label={t('import.working')} />
          </div>
        )}
        <Group justify="flex-end">
          {state === 'failed' && <Button variant="default" onClick={() => setJobId(null)}>{t('common.retry')}</Button>}
          {state === 'succeeded' ? <Button component={Link} href={`/datasets/${encodeURIComponent(name)}`}>{t('import.open')}</Button> : <Button variant="default" onClick={close}>{t('common.close')}</Button>}
        </Group>
      </Stack>
    );
  }
  const sending = fraction !== null;
  return (
    <Stack>
      <Dropzone onDrop={(files) => { const next = files[0]; if (next) { setFile(next); if (!name) setName(proposeName(next.name)); } }} multiple={false} maxSize={maxBytes} disabled={sending} inputProps={{ 'aria-label': t('import.drop') }} aria-label={t('import.drop')}>
        <Group justify="center" gap="md" mih={92} className="no-pointer" wrap="nowrap">
          <FileArchive size={30} strokeWidth={1.5} aria-hidden />
          <div>
            <Text fw={550} className="break">{file ? file.name : t('import.drop')}</Text>
            <Text size="sm" c="dimmed">{file ? bytes(file.size) : t('import.dropText', { size: bytes(maxBytes) })}</Text>
          </div>
        </Group>
      </Dropzone>
      {touched && !file && <Text size="sm" c="var(--mantine-color-error)" role="alert">{t('import.pick')}</Text>}
      <TextInput label={t('import.name')} description={t('import.nameHelp')} value={name} onChange={(event) => setName(event.currentTarget.value)} error={touched && !namePattern.test(name) && t('import.nameRule')} disabled={sending} />
      <TextInput label={`${t('import.classNames')} (${t('common.optional')})`} description={t('import.classNamesHelp')} value={classes} onChange={(event) => setClasses(event.currentTarget.value)} disabled={sending} />
      <Group grow align="flex-start">
        <TextInput label={`${t('import.licence')} (${t('common.optional')})`} value={licence} onChange={(event) => setLicence(event.currentTarget.value)} disabled={sending} />
        <TextInput label={`${t('import.labelSource')} (${t('common.optional')})`} value={labelSource} onChange={(event) => setLabelSource(event.currentTarget.value)} disabled={sending} />
      </Group>
      <Text size="sm" c="dimmed">{t('import.privacy')}</Text>
      {error !== null && <ErrorState error={error} title={t('import.failed')} />}
      {sending && <div role="status"><Text size="sm" mb={6} className="num">{t('import.uploading', { percent: Math.round((fraction ?? 0) * 100) })}</Text><Progress value={(fraction ?? 0) * 100} aria-label={t('import.title')} /></div>}
      <Group justify="flex-end">
        <Button variant="default" onClick={() => { controller.current?.abort(); close(); }}>{t('common.cancel')}</Button>
        <Button onClick={() => void submit()} loading={sending}>{t('import.submit')}</Button>
      </Group>
    </Stack>
  );
}
