// Frame around every page: navigation by scope, account menu, the reminder of what this is for.
import { AppShell, Box, Burger, Divider, Group, Menu, NavLink, ScrollArea, Stack, Text, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { useDisclosure, useMediaQuery } from '@mantine/hooks';
import { Boxes, CalendarClock, ChartLine, ChevronsUpDown, CircleUser, Database, GraduationCap, Images, Info, ListChecks, ListOrdered, LogOut, ScanSearch, ScrollText, Tags, UserRound, UsersRound, type LucideIcon } from 'lucide-react';
import { useEffect, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import type { Scope } from '../api/types';
import { LanguageSwitch, ResearchBadge, ThemeSwitch } from '../components/bits';
import { Logo } from '../components/Logo';
import { useI18n, type Key } from '../i18n';
import { AboutModal } from '../pages/AboutModal';
import { useSession } from './session';

interface Entry { path: string; label: Key; icon: LucideIcon; scope: Scope }
const groups: { label: Key; entries: Entry[] }[] = [
  { label: 'app.groupRead', entries: [
    { path: '/diagnose', label: 'nav.diagnose', icon: ScanSearch, scope: 'predictions:create' },
    { path: '/worklist', label: 'nav.worklist', icon: ListOrdered, scope: 'archive:read' },
    { path: '/studies', label: 'nav.studies', icon: Images, scope: 'archive:read' },
    { path: '/patients', label: 'nav.patients', icon: UserRound, scope: 'archive:read' },
    { path: '/modality-worklist', label: 'nav.scheduling', icon: CalendarClock, scope: 'archive:read' },
    { path: '/predictions', label: 'nav.history', icon: ListChecks, scope: 'predictions:read' },
    { path: '/labelling', label: 'nav.labelling', icon: Tags, scope: 'predictions:read' }] },
  { label: 'app.groupBuild', entries: [
    { path: '/datasets', label: 'nav.datasets', icon: Database, scope: 'datasets:read' },
    { path: '/training', label: 'nav.training', icon: GraduationCap, scope: 'jobs:read' },
    { path: '/runs', label: 'nav.runs', icon: ChartLine, scope: 'jobs:read' },
    { path: '/models', label: 'nav.models', icon: Boxes, scope: 'models:read' }] },
  { label: 'app.groupGovern', entries: [
    { path: '/audit', label: 'nav.audit', icon: ScrollText, scope: 'audit:read' },
    { path: '/users', label: 'nav.users', icon: UsersRound, scope: 'users:read' }] },
];

export function Shell({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  const { can } = useSession();
  const [opened, { toggle, close }] = useDisclosure();
  const mobile = useMediaQuery('(max-width: 61.99em)') ?? false;
  const [location] = useLocation();
  const current = groups.flatMap((group) => group.entries).find((entry) => location === entry.path || location.startsWith(`${entry.path}/`));
  useEffect(() => {
    document.title = `${current ? t(current.label) : location === '/account' ? t('nav.account') : t('app.name')} · Aceso`;
  }, [current, location, t]);
  useEffect(() => { close(); }, [location, close]);

  return (
    <AppShell padding={0} navbar={{ width: 228, breakpoint: 'md', collapsed: { mobile: !opened } }} header={{ height: 54, collapsed: !mobile, offset: mobile }}>
      <a href="#content" className="skip-link" onClick={(event) => { event.preventDefault(); document.getElementById('content')?.focus(); }}>{t('app.skip')}</a>
      {mobile && (
        <AppShell.Header>
          <Group h="100%" px="sm" gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} size="sm" aria-label={opened ? t('app.closeMenu') : t('app.openMenu')} aria-expanded={opened} />
            <Link href="/" className="brand"><Logo size={26} />Aceso</Link>
            <Box ml="auto"><ResearchBadge size="sm" /></Box>
          </Group>
        </AppShell.Header>
      )}
      <AppShell.Navbar component="nav" aria-label={t('app.menu')} p="sm" {...(mobile && !opened ? { inert: true } : {})}>
        {!mobile && <Link href="/" className="brand sidebar-brand"><Logo />Aceso</Link>}
        <AppShell.Section grow component={ScrollArea} type="never">
          {groups.map((group) => {
            const entries = group.entries.filter((entry) => can(entry.scope));
            return entries.length === 0 ? null : (
              <Box key={group.label} mb="md">
                <Text size="xs" fw={550} c="dimmed" px={10} pb={4}>{t(group.label)}</Text>
                <Stack gap={2}>
                  {entries.map((entry) => (
                    <NavLink key={entry.path} component={Link} href={entry.path} className="nav-link" label={t(entry.label)} leftSection={<entry.icon size={18} strokeWidth={1.8} aria-hidden />}
                      active={entry === current} aria-current={entry === current ? 'page' : undefined} />
                  ))}
                </Stack>
              </Box>
            );
          })}
        </AppShell.Section>
        {!mobile && <Box px={10} pb="sm"><ResearchBadge /></Box>}
        <Divider mb="xs" />
        <UserMenu />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} component="main">{children}</AppShell.Main>
    </AppShell>
  );
}

function UserMenu() {
  const { t, maybe } = useI18n();
  const { session, signOut } = useSession();
  const [, navigate] = useLocation();
  const [aboutOpened, about] = useDisclosure();
  if (!session) return null;
  return (
    <>
      <Menu width={240} position="top-start" withinPortal>
        <Menu.Target>
          <UnstyledButton className="user-button">
            <CircleUser size={22} strokeWidth={1.6} aria-hidden />
            <Box flex={1} miw={0}>
              <Text size="sm" fw={550} truncate>{session.user.name}</Text>
              <Text size="xs" c="dimmed" truncate>{session.user.roles.map((role) => maybe('users.roleNames', role)).join(', ')}</Text>
            </Box>
            <ChevronsUpDown size={15} aria-hidden />
            <VisuallyHidden>{t('app.account')}</VisuallyHidden>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Box px="xs" py={6}>
            <Text size="xs" c="dimmed" mb={4}>{t('app.language')}</Text>
            <LanguageSwitch fullWidth />
            <Text size="xs" c="dimmed" mb={4} mt="xs">{t('app.theme')}</Text>
            <ThemeSwitch fullWidth />
          </Box>
          <Menu.Divider />
          <Menu.Item leftSection={<CircleUser size={16} />} onClick={() => navigate('/account')}>{t('account.title')}</Menu.Item>
          <Menu.Item leftSection={<Info size={16} />} onClick={about.open}>{t('app.about')}</Menu.Item>
          <Menu.Divider />
          <Menu.Item leftSection={<LogOut size={16} />} onClick={() => void signOut().then(() => navigate('/'))}>{t('app.signOut')}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <AboutModal opened={aboutOpened} close={about.close} />
    </>
  );
}
