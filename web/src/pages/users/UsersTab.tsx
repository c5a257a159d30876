import { ActionIcon, Badge, Button, Checkbox, Group, Menu, Modal, Paper, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Ellipsis, KeyRound, Plus, ShieldCheck, Trash2, UserCheck, UserX } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/endpoints';
import { allRoles, type Role, type User } from '../../api/types';
import { useSession } from '../../app/session';
import { ask } from '../../components/confirm';
import { ErrorState, ListSkeleton, notice, noticeError, noticeUndo } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime } from '../../lib/format';
import { minPassword } from '../../lib/password';
import { NewPassword } from '../SetupForm';

type Dialog = { kind: 'add' } | { kind: 'roles' | 'password'; user: User } | null;

export function UsersTab() {
  const { t, language } = useI18n();
  const { can, session } = useSession();
  const client = useQueryClient();
  const [dialog, setDialog] = useState<Dialog>(null);
  const query = useQuery({ queryKey: ['users'], queryFn: api.users });
  const done = () => client.invalidateQueries({ queryKey: ['users'] });
  const change = useMutation({ mutationFn: ({ user, disabled }: { user: User; disabled: boolean }) => api.changeUser(user.id, { disabled }), onSuccess: done, onError: (error) => noticeError(error, t) });
  const remove = useMutation({ mutationFn: (user: User) => api.deleteUser(user.id), onSuccess: (_answer, user) => { notice(t('users.deleted', { name: user.name })); return done(); }, onError: (error) => noticeError(error, t) });
  const write = can('users:write');

  function disable(user: User) {
    ask({
      title: t('users.disableTitle', { name: user.name }), text: t('users.disableText'), confirm: t('users.disable'), cancel: t('common.cancel'), danger: true,
      onConfirm: () => change.mutate({ user, disabled: true }, { onSuccess: () => noticeUndo(t('users.disabledDone', { name: user.name }), t('common.undo'), () => change.mutate({ user, disabled: false })) }),
    });
  }
  if (query.isPending) return <ListSkeleton />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  return (
    <Stack>
      {write && <Group justify="flex-end"><Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setDialog({ kind: 'add' })}>{t('users.add')}</Button></Group>}
      <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('users.title')}>
        <Table miw={680}>
          <Table.Thead><Table.Tr><Table.Th>{t('common.name')}</Table.Th><Table.Th>{t('users.roles')}</Table.Th><Table.Th>{t('common.state')}</Table.Th><Table.Th>{t('users.totp')}</Table.Th><Table.Th>{t('common.created')}</Table.Th>{write && <Table.Th><span className="visually-hidden">{t('common.actions')}</span></Table.Th>}</Table.Tr></Table.Thead>
          <Table.Tbody>
            {query.data.items.map((user) => {
              const self = user.id === session?.user.id;
              return (
                <Table.Tr key={user.id}>
                  <Table.Td><Text span size="sm" fw={550}>{user.name}</Text>{self && <Text span size="sm" c="dimmed"> ({t('users.you')})</Text>}</Table.Td>
                  <Table.Td><Group gap={6}>{user.roles.map((role) => <Badge key={role} color={role === 'admin' ? 'aceso' : 'gray'}>{t(`users.roleNames.${role}`)}</Badge>)}</Group></Table.Td>
                  <Table.Td>{user.disabled ? <Badge color="orange">{t('users.disabled')}</Badge> : <Text span size="sm">{t('users.active')}</Text>}</Table.Td>
                  <Table.Td>{user.totp ? <Group gap={6}><ShieldCheck size={15} aria-hidden /><Text span size="sm">{t('common.yes')}</Text></Group> : <Text span size="sm" c="dimmed">{t('common.no')}</Text>}</Table.Td>
                  <Table.Td className="nowrap">{dateTime(user.created, language)}</Table.Td>
                  {write && (
                    <Table.Td ta="right">
                      <Menu position="bottom-end" width={210}>
                        <Menu.Target><ActionIcon variant="subtle" color="gray" aria-label={t('users.actionsFor', { name: user.name })}><Ellipsis size={18} /></ActionIcon></Menu.Target>
                        <Menu.Dropdown>
                          <Menu.Item leftSection={<ShieldCheck size={15} />} onClick={() => setDialog({ kind: 'roles', user })}>{t('users.editRoles')}</Menu.Item>
                          <Menu.Item leftSection={<KeyRound size={15} />} onClick={() => setDialog({ kind: 'password', user })}>{t('users.reset')}</Menu.Item>
                          {!self && (user.disabled
                            ? <Menu.Item leftSection={<UserCheck size={15} />} onClick={() => change.mutate({ user, disabled: false }, { onSuccess: () => notice(t('users.enabledDone', { name: user.name })) })}>{t('users.enable')}</Menu.Item>
                            : <Menu.Item leftSection={<UserX size={15} />} onClick={() => disable(user)}>{t('users.disable')}</Menu.Item>)}
                          {!self && <><Menu.Divider /><Menu.Item color="red" leftSection={<Trash2 size={15} />} onClick={() => ask({ title: t('users.deleteTitle', { name: user.name }), text: t('users.deleteText'), confirm: t('common.delete'), cancel: t('common.cancel'), danger: true, onConfirm: () => remove.mutate(user) })}>{t('common.delete')}</Menu.Item></>}
                        </Menu.Dropdown>
                      </Menu>
                    </Table.Td>
                  )}
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      </Paper>
      <Modal opened={dialog !== null} onClose={() => setDialog(null)} closeButtonProps={{ 'aria-label': t('common.close') }}
        title={dialog?.kind === 'add' ? t('users.addTitle') : dialog?.kind === 'roles' ? t('users.editTitle', { name: dialog.user.name }) : dialog ? t('users.resetTitle', { name: dialog.user.name }) : ''}>
        {dialog && <UserForm dialog={dialog} close={() => { setDialog(null); void done(); }} />}
      </Modal>
    </Stack>
  );
}

function UserForm({ dialog, close }: { dialog: NonNullable<Dialog>; close: () => void }) {
  const { t } = useI18n();
  const user = dialog.kind === 'add' ? null : dialog.user;
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [roles, setRoles] = useState<Role[]>(user?.roles ?? ['clinician']);
  const [touched, setTouched] = useState(false);
  const save = useMutation<unknown>({
    mutationFn: () => (user === null ? api.createUser(name.trim(), password, roles) : dialog.kind === 'roles' ? api.changeUser(user.id, { roles }) : api.changeUser(user.id, { password })),
    onSuccess: () => {
      notice(user === null ? t('users.created', { name: name.trim() }) : t(dialog.kind === 'roles' ? 'users.rolesSaved' : 'users.resetDone', { name: user.name }));
      close();
    },
  });
  const asksRoles = dialog.kind !== 'password';
  const asksPassword = dialog.kind !== 'roles';
  function submit(event: FormEvent) {
    event.preventDefault();
    setTouched(true);
    if ((user !== null || name.trim()) && (!asksRoles || roles.length > 0) && (!asksPassword || password.length >= minPassword)) save.mutate();
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {dialog.kind === 'add' && <TextInput label={t('signIn.name')} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="off" error={touched && !name.trim() && t('signIn.required')} data-autofocus />}
        {dialog.kind === 'password' && <Text size="sm" c="dimmed">{t('users.resetText')}</Text>}
        {asksPassword && <NewPassword label={dialog.kind === 'add' ? t('users.password') : t('account.new')} description={t('users.passwordHelp')} value={password} onChange={setPassword} touched={touched} />}
        {asksRoles && (
          <Checkbox.Group label={t('users.roles')} value={roles} onChange={(value) => setRoles(value as Role[])} error={touched && roles.length === 0 && t('users.pickRole')}>
            <Stack gap={10} mt={6}>{allRoles.map((role) => <Checkbox key={role} value={role} label={t(`users.roleNames.${role}`)} description={t(`users.roleHelp.${role}`)} />)}</Stack>
          </Checkbox.Group>
        )}
        {save.error && <ErrorState error={save.error} />}
        <Group justify="flex-end"><Button type="submit" loading={save.isPending}>{t(dialog.kind === 'add' ? 'users.create' : 'common.save')}</Button></Group>
      </Stack>
    </form>
  );
}
