import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll } from 'vitest'
import { type FileSite, repository, type Site, serve } from './server.ts'

const executablePath = '/usr/bin/chromium'

/** Why the tests in a browser are skipped. */
export const withoutBrowser: string | null = existsSync(executablePath)
  ? null
  : `there is no ${executablePath}. Install it: apt-get install chromium`
if (withoutBrowser !== null) console.warn(`tests in a browser are skipped: ${withoutBrowser}`)

const args = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const adapters = {
  none: ['--disable-gpu'],
  software: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
}

export interface BrowserOptions {
  readonly adapter?: keyof typeof adapters
  readonly viewport?: { readonly width: number; readonly height: number }
}

/** Opens the browser with a new profile, which goes into a folder below `folder`. */
export const launch = (
  folder: string,
  { adapter = 'none', viewport = { width: 1280, height: 720 } }: BrowserOptions = {},
): Promise<BrowserContext> =>
  chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath,
    headless: true,
    args: [...args, ...adapters[adapter]],
    viewport,
  })

/** A page that is open in a browser. */
export interface Opened<S extends Site = FileSite> {
  readonly site: S
  readonly page: Page
  readonly context: BrowserContext
  /** What the page has logged as an error or failed with. */
  readonly errors: string[]
  /** What it has asked other sites for. */
  readonly elsewhere: string[]
}

/** Opens a site in a browser with a new profile, for the tests of the enclosing `describe`. */
export function useSite<S extends Site>(
  start: (folder: string) => Promise<S>,
  options: BrowserOptions = {},
): () => Opened<S> {
  const folder = mkdtempSync(join(tmpdir(), 'vicrop-browser-'))
  let [site, context]: [S?, BrowserContext?] = []
  let opened: Opened<S>
  beforeAll(async () => {
    site = await start(folder)
    context = await launch(folder, options)
    opened = { site, context, page: await context.newPage(), errors: [], elsewhere: [] }
    watch(opened)
    await opened.page.goto(site.origin)
  }, 120_000)
  afterAll(async () => {
    await context?.close()
    await site?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return () => opened
}

/** Takes down what goes wrong in a page, and where it goes. */
function watch({ page, site: { origin }, errors, elsewhere }: Opened<Site>): void {
  page.on('console', message => message.type() === 'error' && errors.push(message.text()))
  page.on('pageerror', error => errors.push(String(error)))
  page.on('request', request => {
    const { protocol, href } = new URL(request.url())
    if (!href.startsWith(`${origin}/`) && !href.startsWith(`blob:${origin}/`) && protocol !== 'data:')
      elsewhere.push(href)
  })
}

interface PageOptions extends BrowserOptions {
  /** The page's folder, below the repository. */
  readonly root?: string
  readonly isolated?: boolean
}

/** Builds a page, and opens it with the repository's files behind its own. */
export const usePage = ({
  root = 'test/browser/page',
  isolated = false,
  ...options
}: PageOptions = {}): (() => Opened) =>
  useSite(async folder => {
    const outDir = join(folder, 'site')
    await build({
      root: join(repository, root),
      configFile: false,
      logLevel: 'error',
      worker: { format: 'es' },
      build: { outDir, target: 'esnext' },
    })
    return serve([outDir, repository], { isolated })
  }, options)
