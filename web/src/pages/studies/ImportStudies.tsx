// Files into the archive (STOW-RS), several at a time, each with its own answer: what was refused is listed with the reason.
import '@mantine/dropzone/styles.css';
import { Alert, Button, Group, Modal, Progress, Stack, Table, Text } from '@mantine/core';
import { Dropzone } from '@mantine/dropzone';
import { CircleAlert, CircleCheck, FolderInput } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { ApiError } from '../../api/client';
import { dicomweb } from '../../api/dicomweb';
import { errorText } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { studyAddress } from '../../lib/dicom';
import { bytes, count } from '../../lib/format';
import { importFiles, type ImportState } from './importing';

interface Props { files: File[] | null; close: () => void; done: () => void }

export function ImportStudies({ files, close, done }: Props) {
  const { t } = useI18n();
  return <Modal opened={files !== null} onClose={close} title={t('stow.title')} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': t('common.close') }}>{files && <ImportForm first={files} close={close} done={done} />}</Modal>;
}

function ImportForm({ first, close, done }: { first: File[]; close: () => void; done: () => void }) {
  const { t, maybe, language } = useI18n();
  const [state, setState] = useState<ImportState | null>(null);
  const controller = useRef<AbortController | null>(null);
  const told = useRef(done);
  told.current = done;
  useEffect(() => () => controller.current?.abort(), []);

  async function start(files: File[]) {
    if (files.length === 0) return;
    const abort = new AbortController();
    controller.current = abort;
    await importFiles(files, dicomweb.store, (next) => { if (!abort.signal.aborted) setState(next); }, abort.signal);
    told.current();
  }
  const started = useRef(false);
  useEffect(() => { if (!started.current) { started.current = true; void start(first); } });

  const why = (error: unknown) => {
    if (typeof error === 'number') return maybe('stow.reasons', error.toString(16).toUpperCase().padStart(4, '0'));
    return error instanceof ApiError && error.status === 413 ? t('error.code.too_large') : errorText(error, t);
  };
  if (!state) {
    return (
      <Stack>
        <Dropzone onDrop={(files) => void start(files)} inputProps={{ 'aria-label': t('stow.drop') }} aria-label={t('stow.drop')}>
          <Group justify="center" gap="md" mih={120} className="no-pointer" wrap="nowrap">
            <FolderInput size={30} strokeWidth={1.5} aria-hidden />
            <div><Text fw={550}>{t('stow.drop')}</Text><Text size="sm" c="dimmed">{t('stow.dropText')}</Text></div>
          </Group>
        </Dropzone>
        <Text size="sm" c="dimmed">{t('stow.text')}</Text>
      </Stack>
    );
  }
  const running = state.finished < state.files;
  const words = { done: count(state.finished, language), files: count(state.files, language), size: bytes(state.sent), total: bytes(state.bytes) };
  return (
    <Stack>
      <div role="status">
        {running && <><Text size="sm" mb={6} className="num">{t('stow.progress', words)}</Text><Progress value={state.bytes ? (state.sent / state.bytes) * 100 : 0} aria-label={t('stow.title')} /></>}
        {!running && state.stored > 0 && <Alert color="aceso" icon={<CircleCheck size={18} />}>{t('stow.stored', { count: count(state.stored, language), studies: count(state.studies.length, language) })}</Alert>}
        {!running && state.stored === 0 && <Alert color="red" icon={<CircleAlert size={18} />}>{t('stow.nothing')}</Alert>}
      </div>
      {state.refused.length > 0 && (
        <div>
          <Text size="sm" fw={550} mb={4}>{t('stow.refused', { count: count(state.refused.length, language) })}</Text>
          <div className="scroll-x refusals" tabIndex={0} role="region" aria-label={t('stow.refused', { count: state.refused.length })}>
            <Table miw={420} verticalSpacing={6}>
              <Table.Thead><Table.Tr><Table.Th>{t('stow.file')}</Table.Th><Table.Th>{t('stow.why')}</Table.Th></Table.Tr></Table.Thead>
              <Table.Tbody>{state.refused.slice(0, 500).map((item, index) => <Table.Tr key={index}><Table.Td className="break">{item.name}</Table.Td><Table.Td>{why(item.error)}{item.comment && <Text size="xs" c="dimmed" className="break">{item.comment}</Text>}</Table.Td></Table.Tr>)}</Table.Tbody>
            </Table>
          </div>
        </div>
      )}
      <Group justify="flex-end">
        {running && <Button variant="default" onClick={() => { controller.current?.abort(); close(); }}>{t('stow.stop')}</Button>}
        {!running && state.studies.length === 1 && <Button component={Link} href={studyAddress(state.studies[0]!)} onClick={close}>{t('stow.open')}</Button>}
        {!running && <Button variant="default" onClick={() => { setState(null); }}>{t('stow.more')}</Button>}
        {!running && <Button variant="default" onClick={close}>{t('common.close')}</Button>}
      </Group>
    </Stack>
  );
}
