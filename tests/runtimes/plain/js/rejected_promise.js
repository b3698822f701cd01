console.log('before'); Promise.reject(new Error('lost'))
