import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll } from 'vitest'
import { type Site, serve } from './server.ts'

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

interface PageOptions {
  /** The page's folder, below the repository. */
  readonly root?: string
  readonly adapter?: keyof typeof adapters
  readonly isolated?: boolean
}

/** Opens the browser with a new profile, which goes into a folder below `folder`. */
export const launch = (
  folder: string,
  adapter: keyof typeof adapters = 'none',
  viewport = { width: 1280, height: 720 },
): Promise<BrowserContext> =>
  chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath,
    headless: true,
    args: [...args, ...adapters[adapter]],
    viewport,
  })

/** A page that is open in a browser. */
export interface Opened {
  readonly site: Site
  readonly page: Page
  readonly context: BrowserContext
  /** What the page has logged as an error or failed with. */
  readonly errors: string[]
}

/** Builds a page, serves it, and opens it for the tests of the enclosing `describe`. */
export function usePage({
  root = 'test/browser/page',
  adapter = 'none',
  isolated = false,
}: PageOptions = {}): () => Opened {
  const folder = mkdtempSync(join(tmpdir(), 'vicrop-browser-'))
  let opened: Opened
  beforeAll(async () => {
    await build({
      root: fileURLToPath(new URL(`../../${root}`, import.meta.url)),
      configFile: false,
      logLevel: 'error',
      worker: { format: 'es' },
      build: { outDir: join(folder, 'site'), target: 'esnext' },
    })
    const site = await serve(join(folder, 'site'), { isolated })
    const context = await launch(folder, adapter)
    const page = await context.newPage()
    const errors: string[] = []
    page.on('console', message => message.type() === 'error' && errors.push(message.text()))
    page.on('pageerror', error => errors.push(String(error)))
    await page.goto(site.origin)
    opened = { site, page, context, errors }
  }, 120_000)
  afterAll(async () => {
    await opened?.context.close()
    opened?.site.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return () => opened
}
