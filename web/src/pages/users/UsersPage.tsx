// Who may use the node, and with what; people and programs.
import { Box, Tabs } from '@mantine/core';
import { useSession } from '../../app/session';
import { PageHead } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { TokensTab } from './TokensTab';
import { UsersTab } from './UsersTab';

export default function UsersPage() {
  const { t } = useI18n();
  const { can } = useSession();
  return (
    <Box className="page">
      <PageHead title={t('users.title')} />
      <Tabs defaultValue="users" keepMounted={false}>
        <Tabs.List mb="lg">
          <Tabs.Tab value="users">{t('users.tabUsers')}</Tabs.Tab>
          {can('tokens:write') && <Tabs.Tab value="tokens">{t('users.tabTokens')}</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="users"><UsersTab /></Tabs.Panel>
        {can('tokens:write') && <Tabs.Panel value="tokens"><TokensTab /></Tabs.Panel>}
      </Tabs>
    </Box>
  );
}
