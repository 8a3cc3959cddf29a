// Counts the characters of a text field for who types; the server counts anew.
for (const field of document.querySelectorAll('textarea[data-counter]')) {
  const told = document.getElementById(field.dataset.counter)
  const least = field.minLength
  const tell = () => {
    const count = [...field.value.trim()].length
    told.textContent = count < least ? `${least - count} more to go.` : `${count} written.`
  }
  field.addEventListener('input', tell)
  tell()
}
