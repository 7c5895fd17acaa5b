import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type FileSite, repository, type Site, serve } from '../browser/server.ts'
import { start } from '../server/running.ts'

/** The page as `npm run build:page` leaves it. */
const pageFolder = join(repository, 'dist/page')

/** The page's files and nothing more, as any host has them. */
export async function staticSite(): Promise<FileSite> {
  checkBuilt()
  return serve([pageFolder])
}

/** The same from a host whose headers let pages have threads. */
export async function isolatedSite(): Promise<FileSite> {
  checkBuilt()
  return serve([pageFolder], { isolated: true })
}

/** `vicrop serve`, as a process. */
export const servedSite = (): Promise<Site> => served()

/** The same for those alone who know a key. */
export const keyedSite = (): Promise<Site> => served('--api-key', apiKey)

export const apiKey = 'the-key-1'

async function served(...args: string[]): Promise<Site> {
  checkBuilt()
  const { url, stop } = await start(args)
  return { origin: url, close: stop }
}

function checkBuilt(): void {
  if (!existsSync(join(pageFolder, 'index.html')))
    throw new Error('the page is not built: npm run build:page')
}
