import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { Hono } from 'hono'
import { getMimeType } from 'hono/utils/mime'

/**
 * The files of a folder, which are listed once: a request picks one of the list, and no path is made from it.
 * `index.html` is at `/` too.
 */
export function page(folder: string): Hono {
  const app = new Hono()
  for (const name of filesIn(folder)) {
    const file = join(folder, name)
    const headers = {
      'content-type': getMimeType(name) ?? 'application/octet-stream',
      'cache-control': 'no-cache',
    }
    const respond = async () => new Response(await readFile(file), { headers })
    const path = `/${name.split(sep).map(encodeURIComponent).join('/')}`
    app.get(path, respond)
    if (path === '/index.html') app.get('/', respond)
  }
  return app
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry =>
      join(entry.parentPath, entry.name)
        .slice(folder.length)
        .replace(/^[/\\]+/, ''),
    )
