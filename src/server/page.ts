import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { Hono } from 'hono'
import { getMimeType } from 'hono/utils/mime'

/**
 * The files of a folder, which are listed once: a request picks one of the list, and no path is made from it.
 * `index.html` is at `/`. Files in `assets` have their hash in their names, and are never asked for again.
 */
export function page(folder: string): Hono {
  const files = new Map(filesIn(folder).map(name => [pathOf(name), join(folder, name)]))
  const app = new Hono()
  app.get('*', async (c, next) => {
    const file = files.get(c.req.path)
    if (file === undefined) return next()
    c.header('content-type', getMimeType(file) ?? 'application/octet-stream')
    c.header('cache-control', c.req.path.startsWith('/assets/') ? keptForAYear : 'no-cache')
    return c.body(await readFile(file))
  })
  return app
}

const keptForAYear = 'public, max-age=31536000, immutable'

const pathOf = (name: string): string => (name === 'index.html' ? '/' : `/${name.replaceAll(sep, '/')}`)

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry =>
      join(entry.parentPath, entry.name)
        .slice(folder.length)
        .replace(/^[/\\]+/, ''),
    )
